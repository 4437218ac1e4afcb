/* Logs in, answers who barges in, and prints how loud the call is, once a second.
 *
 *   listen SERVER ID PASSWORD
 *
 *   cc -o listen listen.c $(pkg-config --cflags --libs monipy) -lm
 */
#include "common.h"
#include <math.h>

/* The sound of the last second; touched by the call's media thread alone. */
typedef struct {
  double energy;
  unsigned samples;
} meter;

static void on_audio(void *user_data, monipy_supervisor *supervisor, monipy_call_id call, const monipy_audio_frame *frame) {
  meter *m = user_data;
  (void)supervisor;
  for (uint32_t i = 0; i < frame->samples; i++) m->energy += (double)frame->pcm[i] * frame->pcm[i];
  m->samples += frame->samples;
  if (m->samples < frame->sample_rate) return;
  printf("call %llu: %.1f dBFS\n", (unsigned long long)call, 10 * log10(m->energy / m->samples / (32768.0 * 32768.0) + 1e-12));
  fflush(stdout);
  m->energy = 0;
  m->samples = 0;
}

int main(int argc, char **argv) {
  meter m = {0, 0};
  monipy_callbacks callbacks = {.struct_size = sizeof callbacks, .user_data = &m, .on_audio = on_audio};
  const monipy_event *event;
  int over = 0;
  if (argc != 4) {
    fprintf(stderr, "usage: listen SERVER ID PASSWORD\n");
    return 2;
  }
  /* No on_event: this thread waits for events itself. */
  monipy_supervisor *supervisor = sign_in(argv[1], argv[2], argv[3], &callbacks);
  while (!over) {
    must(monipy_wait_event(supervisor, UINT32_MAX, &event));
    over = handle(supervisor, event);
    monipy_event_free(event);
  }
  must(monipy_supervisor_destroy(supervisor));
  return 0;
}
