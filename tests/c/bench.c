/* What the C face costs, a line of JSON a figure: the size of the library, an event to a callback, a
 * state function, and, with SERVER of a contact centre that barges, a frame of PCM.
 *
 *   bench [SERVER]
 *
 * Events are real ones: a command in the wrong state gives one. Frames come in real time, so that of
 * each the processor's time is measured, once some have gathered. */
#include "check.h"
#include <math.h>
#include <sys/stat.h>
#include <sys/wait.h>
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

static counter release = COUNTER, seen = COUNTER, streaming = COUNTER;

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

#define RATE 16000
#define FRAME (RATE / 50)
#define GATHERED 20

/* Of a call that goes on: what the reader's thread spends on a frame of 20 ms, best of ten rounds, and
 * what all threads spend on the call meanwhile. */
static void frames(const char *server) {
  static const monipy_ice_server none[1];
  struct timespec half_a_second = {0, 500000000};
  int16_t pcm[FRAME];
  monipy_callbacks callbacks = {sizeof callbacks, 0, NULL, NULL, answer, NULL, NULL};
  monipy_config config = test_config();
  monipy_supervisor *supervisor = NULL;
  double best = 1;
  config.server = server;
  config.ice_servers = none;
  config.local_address = "127.0.0.1";
  config.sample_rate = RATE;
  CHECK_IS(MONIPY_OK, monipy_supervisor_create(&config, &callbacks, &supervisor));
  CHECK_IS(MONIPY_OK, monipy_login(supervisor, "supervisor", "secret"));
  counter_wait(&streaming, 1);
  CHECK_IS(FRAME, monipy_audio_read(supervisor, 0, pcm, FRAME, 5000));
  double cpu = seconds(CLOCK_PROCESS_CPUTIME_ID), begin = seconds(CLOCK_MONOTONIC);
  for (int round = 0; round < 10; round++) {
    nanosleep(&half_a_second, NULL); /* frames gather */
    double start = seconds(CLOCK_THREAD_CPUTIME_ID);
    for (int i = 0; i < GATHERED; i++) CHECK_IS(FRAME, monipy_audio_read(supervisor, 0, pcm, FRAME, 0));
    best = fmin(best, (seconds(CLOCK_THREAD_CPUTIME_ID) - start) / GATHERED);
    while (monipy_audio_read(supervisor, 0, pcm, FRAME, 0) > 0) continue;
  }
  figure("frame of 20 ms at 16 kHz by monipy_audio_read", best * 1e6, "us of processor");
  figure("a monitored call, all threads", (seconds(CLOCK_PROCESS_CPUTIME_ID) - cpu) / (seconds(CLOCK_MONOTONIC) - begin) * 100, "% of a core");
  CHECK_IS(MONIPY_OK, monipy_supervisor_destroy(supervisor));
}

/* Best of ten: from the start of a process that makes a supervisor and destroys it to its end. */
static double run(const char *program, const char *argument) {
  double best = 1e9;
  for (int i = 0; i < 10; i++) {
    double begin = seconds(CLOCK_MONOTONIC);
    pid_t child = fork();
    if (child == 0) {
      execl(program, program, argument, (char *)NULL);
      _exit(127);
    }
    int status = -1;
    CHECK_IS(child, waitpid(child, &status, 0));
    CHECK_IS(0, status);
    double took = seconds(CLOCK_MONOTONIC) - begin;
    if (took < best) best = took;
  }
  return best;
}

int main(int argc, char **argv) {
  struct stat library;
  if (argc > 1 && strcmp(argv[1], "--made-and-destroyed") == 0) {
    CHECK_IS(MONIPY_OK, monipy_supervisor_destroy(test_supervisor(NULL)));
    return 0;
  }
  /* The loader has its work with the library even when nothing is called. */
  if (argc > 1 && strcmp(argv[1], "--nothing") == 0) return 0;
  const char *path = getenv("MONIPY_LIBRARY");
  if (path != NULL && stat(path, &library) == 0) figure("libmonipy.so, stripped", (double)library.st_size / 1e6, "MB");
  figure("loaded in a new process", (run(argv[0], "--nothing") - run("/bin/true", "")) * 1e3, "ms");
  figure("cold start to a supervisor and its end", (run(argv[0], "--made-and-destroyed") - run("/bin/true", "")) * 1e3, "ms");
  events();
  if (argc > 1) frames(argv[1]);
  return 0;
}
