/* Rules 9, 11 and 12 on the media thread: what audio callbacks may call, and destroying there. Run
 * by tests/behaviour/media_thread.rs against the contact centre, whose parties sound already:
 *
 *   media SERVER
 *
 * Between its two phones it waits for a line on standard input, or for its end: who watches the first
 * one leave must not have the second one come before it has looked.
 */
#include "check.h"

typedef struct {
  counter streaming, heard, filled, freed, destroyed;
  atomic_int inside, overlaps, late, destroy_at;
  uint64_t next_timestamp;
  monipy_supervisor *supervisor;
} phone;

static void freed(void *user_data) { counter_add(&((phone *)user_data)->freed, 1); }

static void on_event(void *user_data, monipy_supervisor *supervisor, const monipy_event *event) {
  phone *p = user_data;
  if (event->type == MONIPY_EVENT_INCOMING_CALL) CHECK_IS(MONIPY_OK, monipy_answer(supervisor, event->call));
  if (event->type == MONIPY_EVENT_CALL_STREAM) counter_add(&p->streaming, 1);
}

static void on_audio(void *user_data, monipy_supervisor *supervisor, monipy_call_id call, const monipy_audio_frame *frame) {
  phone *p = user_data;
  int16_t pcm[160] = {0};
  char text[64];
  const monipy_event *event = NULL;
  monipy_supervisor *other = NULL;
  monipy_config config;
  if (p->inside++ != 0) p->overlaps++;
  if (counter_get(&p->freed) != 0 || counter_get(&p->destroyed) != 0) p->late++;
  CHECK(frame->struct_size >= sizeof *frame && frame->sample_rate == 16000 && frame->channels == 1 && frame->samples == 320);
  CHECK(frame->timestamp >= p->next_timestamp && frame->timestamp % 160 == 0);
  p->next_timestamp = frame->timestamp + frame->samples;
  /* Allowed: audio functions that do not wait, state, versions. */
  CHECK(monipy_audio_read(supervisor, call, pcm, 160, 0) >= 0);
  CHECK(monipy_audio_write(supervisor, call, pcm, 0, 0) == 0);
  CHECK(monipy_audio_queued_ms(supervisor, call) >= 0);
  CHECK_IS(1, monipy_is_logged_in(supervisor));
  CHECK(monipy_call_state(supervisor, call) > 0);
  CHECK_IS(MONIPY_OK, monipy_call_text(supervisor, call, MONIPY_TEXT_FROM, text, sizeof text, NULL));
  CHECK_IS(MONIPY_VERSION, monipy_version());
  /* Refused: what waits or talks to the engine. */
  CHECK_IS(MONIPY_ERR_REENTRANT, monipy_audio_read(supervisor, call, pcm, 160, 1));
  CHECK_IS(MONIPY_ERR_REENTRANT, monipy_audio_write(supervisor, call, pcm, 160, 1));
  CHECK_IS(MONIPY_ERR_REENTRANT, monipy_terminate(supervisor, call));
  CHECK_IS(MONIPY_ERR_REENTRANT, monipy_login(supervisor, "id", "secret"));
  CHECK_IS(MONIPY_ERR_REENTRANT, monipy_wait_event(supervisor, 0, &event));
  CHECK_IS(MONIPY_ERR_REENTRANT, monipy_shutdown(0));
  config = test_config();
  CHECK_IS(MONIPY_ERR_REENTRANT, monipy_supervisor_create(&config, NULL, &other));
  if (p->destroy_at > 0 && counter_get(&p->heard) >= p->destroy_at) {
    CHECK_IS(MONIPY_OK, monipy_supervisor_destroy(supervisor)); /* returns at once */
    CHECK_IS(MONIPY_ERR_INVALID_HANDLE, monipy_is_logged_in(supervisor));
    CHECK_IS(0, counter_get(&p->freed));
    counter_add(&p->destroyed, 1);
  }
  p->inside--;
  counter_add(&p->heard, 1);
}

static uint32_t fill_audio(void *user_data, monipy_supervisor *supervisor, monipy_call_id call, int16_t *pcm, uint32_t samples) {
  phone *p = user_data;
  (void)supervisor, (void)call;
  if (counter_get(&p->freed) != 0) p->late++;
  memset(pcm, 0, samples * sizeof *pcm);
  counter_add(&p->filled, 1);
  return UINT32_MAX; /* more than there is room for: taken as all of it */
}

static void start(phone *p, const char *server) {
  static const monipy_ice_server none[1];
  monipy_callbacks callbacks = {sizeof callbacks, 0, p, freed, on_event, on_audio, fill_audio};
  monipy_config config = test_config();
  config.server = server;
  config.ice_servers = none;
  config.local_address = "127.0.0.1";
  config.sample_rate = 16000;
  CHECK_IS(MONIPY_OK, monipy_supervisor_create(&config, &callbacks, &p->supervisor));
  CHECK_IS(MONIPY_OK, monipy_login(p->supervisor, "supervisor", "secret"));
  counter_wait(&p->streaming, 1);
  counter_wait(&p->heard, 25);
  counter_wait(&p->filled, 25);
}

#define PHONE {COUNTER, COUNTER, COUNTER, COUNTER, COUNTER, 0, 0, 0, 0, 0, NULL}

int main(int argc, char **argv) {
  CHECK(argc == 2);
  static phone first = PHONE, second = PHONE;
  printf("  destroyed outside: no frame later\n");
  start(&first, argv[1]);
  CHECK_IS(MONIPY_OK, monipy_supervisor_destroy(first.supervisor));
  CHECK_IS(0, first.inside);
  CHECK_IS(1, counter_get(&first.freed));
  (void)getchar();
  printf("  destroyed inside on_audio: that frame is the last\n");
  second.destroy_at = 30;
  start(&second, argv[1]);
  counter_wait(&second.freed, 1);
  CHECK_IS(1, counter_get(&second.destroyed));
  CHECK_IS(31, counter_get(&second.heard));
  CHECK_IS(0, first.overlaps + first.late + second.overlaps + second.late);
  CHECK_IS(MONIPY_OK, monipy_shutdown(10000));
  await_threads(1);
  return 0;
}
