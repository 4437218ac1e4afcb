/* Recordings, sound files and sound cards in C. Run by tests/behaviour/sound_files.rs against the
 * contact centre, whose parties sound already:
 *
 *   sound SERVER FOLDER
 */
#include "check.h"

typedef struct {
  counter streaming, heard;
} phone;

static void on_event(void *user_data, monipy_supervisor *supervisor, const monipy_event *event) {
  phone *p = user_data;
  if (event->type == MONIPY_EVENT_INCOMING_CALL) CHECK_IS(MONIPY_OK, monipy_answer(supervisor, event->call));
  if (event->type == MONIPY_EVENT_CALL_STREAM) counter_add(&p->streaming, 1);
}

static void on_audio(void *user_data, monipy_supervisor *supervisor, monipy_call_id call, const monipy_audio_frame *frame) {
  phone *p = user_data;
  (void)supervisor, (void)call, (void)frame;
  counter_add(&p->heard, 1);
}

/* Whether the file holds the bytes. */
static int holds(const char *path, const char *what) {
  static char file[1 << 20];
  FILE *f = fopen(path, "rb");
  CHECK(f != NULL);
  const size_t size = fread(file, 1, sizeof file, f);
  fclose(f);
  return memmem(file, size, what, strlen(what)) != NULL;
}

int main(int argc, char **argv) {
  CHECK(argc == 3);
  static phone p = {COUNTER, COUNTER};
  static const monipy_ice_server none[1];
  char wav[512], opus[512], html[512], names[4096];
  size_t needed = 0;
  monipy_callbacks callbacks = {sizeof callbacks, 0, &p, NULL, on_event, on_audio, NULL};
  monipy_config config = test_config();
  monipy_supervisor *supervisor = NULL;
  monipy_sound_id both = 0, heard = 0, played = 0;
  monipy_stats stats;
  config.server = argv[1];
  config.ice_servers = none;
  config.local_address = "127.0.0.1";
  config.voice_processing = "none";
  config.comfort_tones = "mars";
  CHECK_IS(MONIPY_ERR_INVALID_ARGUMENT, monipy_supervisor_create(&config, &callbacks, &supervisor));
  CHECK(strstr(monipy_last_error(), "comfort_tones") != NULL);
  config.comfort_tones = "india";
  CHECK_IS(MONIPY_OK, monipy_supervisor_create(&config, &callbacks, &supervisor));
  snprintf(wav, sizeof wav, "%s/call.wav", argv[2]);
  snprintf(opus, sizeof opus, "%s/call.opus", argv[2]);
  snprintf(html, sizeof html, "%s/call.html", argv[2]);

  printf("  without a call there is nothing to record or play\n");
  CHECK_IS(MONIPY_ERR_INVALID_STATE, monipy_record(supervisor, 0, wav, 0, &both));
  CHECK_IS(MONIPY_ERR_INVALID_STATE, monipy_play(supervisor, 0, wav, &played));
  CHECK_IS(MONIPY_ERR_INVALID_ARGUMENT, monipy_sound_stop(supervisor, 7));

  CHECK_IS(MONIPY_OK, monipy_login(supervisor, "supervisor", "secret"));
  counter_wait(&p.streaming, 1);

  printf("  both sides and the packets are recorded at once; a pause is marked\n");
  CHECK_IS(MONIPY_OK, monipy_record(supervisor, 0, wav, 16000, &both));
  CHECK_IS(MONIPY_OK, monipy_record(supervisor, 0, opus, 0, &heard));
  CHECK(both != heard);
  CHECK_IS(MONIPY_ERR_INVALID_ARGUMENT, monipy_record(supervisor, 0, "/nowhere/call.wav", 0, NULL));
  const int begin = counter_get(&p.heard);
  counter_wait(&p.heard, begin + 75);
  CHECK_IS(MONIPY_OK, monipy_record_pause(supervisor, both));
  CHECK_IS(MONIPY_OK, monipy_record_pause(supervisor, heard));
  counter_wait(&p.heard, begin + 125);
  CHECK_IS(MONIPY_OK, monipy_record_resume(supervisor, both));
  CHECK_IS(MONIPY_OK, monipy_record_resume(supervisor, heard));
  counter_wait(&p.heard, begin + 225);
  CHECK(monipy_sound_ms(supervisor, both) > 1000);
  CHECK_IS(MONIPY_ERR_TIMEOUT, monipy_sound_wait(supervisor, both, 1));
  CHECK_IS(MONIPY_OK, monipy_record_report(supervisor, both, html));
  CHECK_IS(MONIPY_OK, monipy_sound_stop(supervisor, both));
  CHECK_IS(MONIPY_OK, monipy_sound_wait(supervisor, both, 60000));
  CHECK_IS(MONIPY_ERR_INVALID_ARGUMENT, monipy_sound_wait(supervisor, both, 0));
  CHECK_IS(MONIPY_OK, monipy_sound_stop(supervisor, heard));
  CHECK_IS(MONIPY_OK, monipy_sound_wait(supervisor, heard, UINT32_MAX));
  CHECK(holds(wav, "cue ") && holds(wav, "paused") && holds(wav, "resumed"));
  CHECK(holds(opus, "COMMENT=monipy: goes on after a pause of "));
  CHECK(holds(html, "<h1>Call in call.wav</h1>"));

  printf("  what was recorded is played back, and counted\n");
  CHECK_IS(MONIPY_OK, monipy_call_stats(supervisor, 0, &stats, sizeof stats));
  const uint64_t before = stats.sounding_samples_sent;
  CHECK_IS(MONIPY_ERR_INVALID_ARGUMENT, monipy_record_pause(supervisor, heard));
  CHECK_IS(MONIPY_OK, monipy_play(supervisor, 0, wav, &played));
  CHECK_IS(MONIPY_ERR_INVALID_ARGUMENT, monipy_record_pause(supervisor, played));
  CHECK_IS(MONIPY_OK, monipy_sound_wait(supervisor, played, 60000));
  CHECK_IS(MONIPY_OK, monipy_call_stats(supervisor, 0, &stats, sizeof stats));
  CHECK(stats.sounding_samples_sent > before);
  const uint64_t after_wav = stats.sounding_samples_sent;
  CHECK_IS(MONIPY_OK, monipy_play(supervisor, 0, opus, &played));
  CHECK_IS(MONIPY_OK, monipy_sound_wait(supervisor, played, 60000));
  CHECK_IS(MONIPY_OK, monipy_call_stats(supervisor, 0, &stats, sizeof stats));
  CHECK(stats.sounding_samples_sent > after_wav);
  CHECK_IS(MONIPY_ERR_INVALID_ARGUMENT, monipy_play(supervisor, 0, html, NULL));

  printf("  sound cards are listed, or there is no sound system\n");
  const monipy_status listed = monipy_device_list(MONIPY_DEVICE_OUTPUT, names, sizeof names, &needed);
  CHECK(listed == MONIPY_ERR_AUDIO_DEVICE || (listed == MONIPY_OK && needed == strlen(names) + 1));
  CHECK_IS(MONIPY_ERR_INVALID_ARGUMENT, monipy_device_list(3, names, sizeof names, &needed));
  CHECK_IS(MONIPY_OK, monipy_set_device(supervisor, MONIPY_DEVICE_INPUT, "no such card"));
  CHECK_IS(MONIPY_OK, monipy_set_device(supervisor, MONIPY_DEVICE_INPUT, NULL));
  CHECK_IS(MONIPY_ERR_INVALID_ARGUMENT, monipy_set_device(supervisor, 0, NULL));
  CHECK_IS(MONIPY_OK, monipy_supervisor_destroy(supervisor));
  CHECK_IS(MONIPY_OK, monipy_shutdown(10000));
  return 0;
}
