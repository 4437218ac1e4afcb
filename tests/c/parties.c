/* One party alone, where the server sends the parties apart, each on an audio line: the agent at 440 Hz,
 * the customer at 1000 Hz.
 *
 *   parties SERVER
 */
#include "check.h"
#include <math.h>

#define RATE 16000
#define SECOND 16000

static counter streaming = COUNTER;

static void on_event(void *user_data, monipy_supervisor *supervisor, const monipy_event *event) {
  (void)user_data;
  if (event->type == MONIPY_EVENT_INCOMING_CALL) CHECK_IS(MONIPY_OK, monipy_answer(supervisor, event->call));
  if (event->type == MONIPY_EVENT_CALL_STREAM) counter_add(&streaming, 1);
}

/* Share of the power of a second that lies at a frequency. */
static double share(const int16_t *pcm, double hz) {
  double re = 0, im = 0, power = 0;
  for (int i = 0; i < SECOND; i++) {
    double phase = 2 * 3.14159265358979323846 * hz * i / RATE;
    re += pcm[i] * cos(phase);
    im += pcm[i] * sin(phase);
    power += (double)pcm[i] * pcm[i];
  }
  return power == 0 ? 0 : 2 * (re * re + im * im) / (SECOND * power);
}

/* The third second of what a reader hears: the call has settled by then. `party` -1 is all. */
static void third_second(monipy_supervisor *supervisor, int party, int16_t *pcm) {
  for (int second = 0; second < 3; second++) {
    uint32_t have = 0;
    while (have < SECOND) {
      uint32_t left = SECOND - have;
      int32_t got = party < 0 ? monipy_audio_read(supervisor, 0, pcm + have, left, 10000)
                              : monipy_party_read(supervisor, 0, (uint32_t)party, pcm + have, left, 10000);
      CHECK(got > 0);
      have += (uint32_t)got;
    }
  }
}

int main(int argc, char **argv) {
  static const monipy_ice_server none[1];
  static int16_t pcm[SECOND];
  monipy_callbacks callbacks = {sizeof callbacks, 0, NULL, NULL, on_event, NULL, NULL};
  monipy_config config = test_config();
  monipy_supervisor *supervisor = NULL;
  CHECK_IS(2, argc);
  config.server = argv[1];
  config.ice_servers = none;
  config.local_address = "127.0.0.1";
  config.sample_rate = RATE;
  CHECK_IS(MONIPY_OK, monipy_supervisor_create(&config, &callbacks, &supervisor));
  CHECK_IS(MONIPY_OK, monipy_login(supervisor, "supervisor", "secret"));
  counter_wait(&streaming, 1);
  CHECK_IS(MONIPY_ERR_INVALID_ARGUMENT, monipy_party_read(supervisor, 0, 8, pcm, 160, 0));
  CHECK_IS(MONIPY_ERR_INVALID_ARGUMENT, monipy_party_read(supervisor, 0, 0, NULL, 160, 0));
  third_second(supervisor, 0, pcm);
  CHECK(share(pcm, 440) > 0.9);
  third_second(supervisor, 1, pcm);
  CHECK(share(pcm, 1000) > 0.9);
  third_second(supervisor, -1, pcm);
  CHECK(share(pcm, 440) > 0.2 && share(pcm, 1000) > 0.2);
  third_second(supervisor, 2, pcm);
  for (int i = 0; i < SECOND; i++) CHECK_IS(0, pcm[i]);
  CHECK_IS(MONIPY_OK, monipy_supervisor_destroy(supervisor));
  return 0;
}
