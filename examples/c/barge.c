/* Logs in, answers who barges in, says what is in a WAV file (16 bits, mono, 16 kHz), and hangs up.
 *
 *   barge SERVER ID PASSWORD SAY.wav
 *
 *   cc -o barge barge.c $(pkg-config --cflags --libs monipy)
 */
#include "common.h"

/* Speaks and waits until all of it was sent; false when the call ended before. */
static int say(monipy_supervisor *supervisor, monipy_call_id call, const int16_t *pcm, size_t samples) {
  while (samples > 0) {
    /* The queue holds a second: this waits for room. */
    int32_t taken = monipy_audio_write(supervisor, call, pcm, samples < RATE ? (uint32_t)samples : RATE, UINT32_MAX);
    if (taken < 0) return 0;
    pcm += taken;
    samples -= (size_t)taken;
  }
  const int16_t silence[RATE / 50] = {0};
  /* The queue is first in, first out: when there is room for another second, what was there is sent. */
  for (int i = 0; i < 50; i++)
    if (monipy_audio_write(supervisor, call, silence, RATE / 50, UINT32_MAX) < 0) return 0;
  return 1;
}

int main(int argc, char **argv) {
  const monipy_event *event;
  size_t samples = 0;
  int over = 0;
  if (argc != 5) {
    fprintf(stderr, "usage: barge SERVER ID PASSWORD SAY.wav\n");
    return 2;
  }
  int16_t *speech = read_wav(argv[4], &samples);
  monipy_supervisor *supervisor = sign_in(argv[1], argv[2], argv[3], NULL);
  while (!over) {
    must(monipy_wait_event(supervisor, UINT32_MAX, &event));
    over = handle(supervisor, event);
    if (event->type == MONIPY_EVENT_CALL_STREAM && say(supervisor, event->call, speech, samples)) {
      printf("said %.1f s\n", (double)samples / RATE);
      monipy_terminate(supervisor, event->call);
    }
    monipy_event_free(event);
  }
  must(monipy_supervisor_destroy(supervisor));
  free(speech);
  return 0;
}
