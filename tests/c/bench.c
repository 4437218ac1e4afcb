/* What the C face costs, a line of JSON a figure: the size of the library, an event to a callback, a
 * state function, and, with SERVER of a contact centre that barges, a frame to on_audio.
 *
 *   bench [SERVER]
 *
 * Events are real ones: a command in the wrong state gives one. Frames come in real time, so what is
 * measured is the time between taking a frame and giving it back, on the processor. */
#include "check.h"
#include <math.h>
#include <sys/stat.h>
#include <time.h>

static double seconds(clockid_t clock) {
  struct timespec now;
  clock_gettime(clock, &now);
  return (double)now.tv_sec + (double)now.tv_nsec * 1e-9;
}

static void figure(const char *name, double value, const char *unit) {
  printf("{\"figure\": \"c %s\", \"value\": %.3g, \"unit\": \"%s\"}\n", name, value, unit);
}

#define EVENTS 800

static counter release = COUNTER, seen = COUNTER, streaming = COUNTER, frames = COUNTER;

static void hold_first(void *user_data, monipy_supervisor *supervisor, const monipy_event *event) {
  double *cpu = user_data; /* of the delivering thread, when the first event is let go and when the last has come */
  (void)supervisor;
  if (event->seq == 1) {
    counter_wait(&release, 1);
    cpu[0] = seconds(CLOCK_THREAD_CPUTIME_ID);
  }
  if (event->seq == EVENTS) cpu[1] = seconds(CLOCK_THREAD_CPUTIME_ID);
  counter_add(&seen, 1);
}

static void answer(void *user_data, monipy_supervisor *supervisor, const monipy_event *event) {
  (void)user_data;
  if (event->type == MONIPY_EVENT_INCOMING_CALL) CHECK_IS(MONIPY_OK, monipy_answer(supervisor, event->call));
  if (event->type == MONIPY_EVENT_CALL_STREAM) counter_add(&streaming, 1);
}

static void count_frame(void *user_data, monipy_supervisor *supervisor, monipy_call_id call, const monipy_audio_frame *frame) {
  (void)user_data, (void)supervisor, (void)call, (void)frame;
  counter_add(&frames, 1);
}

static void events(void) {
  double cpu[2] = {0, 0};
  monipy_callbacks callbacks = {sizeof callbacks, 0, cpu, NULL, hold_first, NULL, NULL};
  monipy_supervisor *supervisor = test_supervisor(&callbacks);
  double begin = seconds(CLOCK_MONOTONIC);
  for (int i = 0; i < EVENTS; i++) provoke(supervisor);
  figure("command", (seconds(CLOCK_MONOTONIC) - begin) / EVENTS * 1e6, "us");
  counter_add(&release, 1);
  counter_wait(&seen, EVENTS);
  figure("event to on_event", (cpu[1] - cpu[0]) / (EVENTS - 1) * 1e6, "us of processor");
  begin = seconds(CLOCK_MONOTONIC);
  for (int i = 0; i < 1000000; i++) monipy_is_logged_in(supervisor);
  figure("monipy_is_logged_in", (seconds(CLOCK_MONOTONIC) - begin) * 1e3, "ns");
  CHECK_IS(MONIPY_OK, monipy_supervisor_destroy(supervisor));
}

/* The processor's time of the process over ten seconds of a call, with and without on_audio. */
static double ten_seconds(const char *server, int with_audio) {
  static const monipy_ice_server none[1];
  struct timespec pause = {10, 0};
  monipy_callbacks callbacks = {sizeof callbacks, 0, NULL, NULL, answer, with_audio ? count_frame : NULL, NULL};
  monipy_config config = test_config();
  monipy_supervisor *supervisor = NULL;
  config.server = server;
  config.ice_servers = none;
  config.local_address = "127.0.0.1";
  streaming.value = frames.value = 0;
  CHECK_IS(MONIPY_OK, monipy_supervisor_create(&config, &callbacks, &supervisor));
  CHECK_IS(MONIPY_OK, monipy_login(supervisor, "supervisor", "secret"));
  counter_wait(&streaming, 1);
  double begin = seconds(CLOCK_PROCESS_CPUTIME_ID);
  nanosleep(&pause, NULL); /* the length of the measurement */
  double spent = seconds(CLOCK_PROCESS_CPUTIME_ID) - begin;
  if (with_audio) CHECK(counter_get(&frames) > 400);
  CHECK_IS(MONIPY_OK, monipy_supervisor_destroy(supervisor));
  return spent;
}

int main(int argc, char **argv) {
  struct stat library;
  const char *path = getenv("MONIPY_LIBRARY");
  if (path != NULL && stat(path, &library) == 0) figure("size of the library", (double)library.st_size / 1e6, "MB");
  events();
  if (argc > 1) {
    double without = ten_seconds(argv[1], 0), with = ten_seconds(argv[1], 1);
    figure("a call", without / 10 * 100, "% of a core");
    figure("frame to on_audio", fmax(with - without, 0) / 500 * 1e6, "us of processor");
  }
  return 0;
}
