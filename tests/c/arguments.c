/* Rule 4 and the promise on bad input: every wrong argument gives a status and a sentence, and the
 * handle stays usable. */
#include "check.h"

#define SAYS(word) CHECK(strstr(monipy_last_error(), word) != NULL)

static void invalid_utf8_is_refused_and_named(void) {
  monipy_config config = test_config();
  monipy_supervisor *supervisor = NULL;
  config.name = "caf\xe9";
  CHECK_IS(MONIPY_ERR_INVALID_ARGUMENT, monipy_supervisor_create(&config, NULL, &supervisor));
  CHECK(supervisor == NULL);
  SAYS("name");
  SAYS("UTF-8");
  supervisor = test_supervisor(NULL);
  CHECK_IS(MONIPY_ERR_INVALID_ARGUMENT, monipy_login(supervisor, "\xc3\x28", "secret"));
  SAYS("user_id");
  CHECK_IS(MONIPY_ERR_INVALID_ARGUMENT, monipy_login(supervisor, "id", "\xff\xfe-secret"));
  SAYS("password");
  CHECK(strstr(monipy_last_error(), "secret") == NULL);
  CHECK_IS(MONIPY_ERR_INVALID_ARGUMENT, monipy_call(supervisor, "\xed\xa0\x80", NULL));
  CHECK_IS(MONIPY_ERR_INVALID_ARGUMENT, monipy_send_dtmf(supervisor, 0, "\x80", 0, 0));
  CHECK_IS(MONIPY_OK, monipy_supervisor_destroy(supervisor));
}

static void null_strings_are_refused_and_named(void) {
  monipy_supervisor *supervisor = test_supervisor(NULL);
  CHECK_IS(MONIPY_ERR_INVALID_ARGUMENT, monipy_login(supervisor, NULL, "secret"));
  SAYS("user_id");
  CHECK_IS(MONIPY_ERR_INVALID_ARGUMENT, monipy_login(supervisor, "id", NULL));
  SAYS("password");
  CHECK_IS(MONIPY_ERR_INVALID_ARGUMENT, monipy_call(supervisor, NULL, NULL));
  CHECK_IS(MONIPY_ERR_INVALID_ARGUMENT, monipy_send_dtmf(supervisor, 0, NULL, 0, 0));
  CHECK_IS(MONIPY_ERR_INVALID_ARGUMENT, monipy_wait_event(supervisor, 0, NULL));
  CHECK_IS(MONIPY_ERR_INVALID_ARGUMENT, monipy_config_init(NULL, sizeof(monipy_config)));
  CHECK_IS(MONIPY_OK, monipy_supervisor_destroy(supervisor));
}

static void strings_of_64_megabytes_are_refused(void) {
  size_t size = (size_t)64 << 20;
  char *huge = malloc(size + 1);
  CHECK(huge != NULL);
  memset(huge, '7', size);
  huge[size] = 0;
  monipy_supervisor *supervisor = test_supervisor(NULL), *other = NULL;
  monipy_config config = test_config();
  CHECK_IS(MONIPY_ERR_INVALID_ARGUMENT, monipy_login(supervisor, huge, "secret"));
  SAYS("user_id");
  CHECK_IS(MONIPY_ERR_INVALID_ARGUMENT, monipy_login(supervisor, "id", huge));
  CHECK_IS(MONIPY_ERR_INVALID_ARGUMENT, monipy_call(supervisor, huge, NULL));
  CHECK_IS(MONIPY_ERR_INVALID_ARGUMENT, monipy_send_dtmf(supervisor, 0, huge, 0, 0));
  config.name = huge;
  CHECK_IS(MONIPY_ERR_INVALID_ARGUMENT, monipy_supervisor_create(&config, NULL, &other));
  config.name = NULL;
  config.server = huge;
  CHECK_IS(MONIPY_ERR_INVALID_ARGUMENT, monipy_supervisor_create(&config, NULL, &other));
  CHECK(other == NULL);
  CHECK_IS(0, monipy_is_logged_in(supervisor));
  CHECK_IS(MONIPY_OK, monipy_supervisor_destroy(supervisor));
  free(huge);
}

static void wrong_settings_are_refused_and_named(void) {
  monipy_supervisor *supervisor = NULL;
  monipy_config config;
#define REFUSED(field, value)                                                                    \
  do {                                                                                           \
    config = test_config();                                                                      \
    config.field = value;                                                                        \
    CHECK_IS(MONIPY_ERR_INVALID_ARGUMENT, monipy_supervisor_create(&config, NULL, &supervisor)); \
    CHECK(supervisor == NULL);                                                                   \
    SAYS(#field);                                                                                \
  } while (0)
  REFUSED(debug, 2);
  REFUSED(autoplay, 77);
  REFUSED(ring_time, 0);
  REFUSED(register_expires, 1);
  REFUSED(max_calls, 0);
  REFUSED(audio_mode, 3);
  REFUSED(audio_mode, -1);
  REFUSED(sample_rate, 44100);
  REFUSED(frame_ms, 15);
  REFUSED(jitter_min_ms, 900);
  REFUSED(jitter_max_ms, 0);
  REFUSED(reconnect_min_ms, 0);
  REFUSED(event_queue, 1);
  REFUSED(stats_interval_ms, 5);
  REFUSED(reserved0, 1);
  REFUSED(server, "not a url");
  REFUSED(server, "ws://user:password@example.com");
  REFUSED(codecs, "opus,G729");
  REFUSED(domain, "a b");
  REFUSED(user_agent, "line\nbreak");
  REFUSED(local_address, "localhost");
  REFUSED(ca_file, "/no/such/file");
  REFUSED(invite_headers_count, 3);
  REFUSED(ice_servers_count, 1);
#undef REFUSED
}

static void commands_in_the_wrong_state_say_so(void) {
  monipy_supervisor *supervisor = test_supervisor(NULL);
  int16_t pcm[160] = {0};
  char text[8];
  size_t size = 9;
  monipy_call_id id = 5;
  CHECK_IS(MONIPY_ERR_INVALID_STATE, monipy_logout(supervisor));
  CHECK_IS(1002, monipy_status_code(MONIPY_ERR_INVALID_STATE));
  CHECK_IS(MONIPY_ERR_INVALID_STATE, monipy_answer(supervisor, 0));
  CHECK_IS(MONIPY_ERR_INVALID_STATE, monipy_answer(supervisor, 12345));
  CHECK_IS(MONIPY_ERR_INVALID_STATE, monipy_reject(supervisor, 0, 0));
  CHECK_IS(MONIPY_ERR_INVALID_STATE, monipy_terminate(supervisor, 0));
  CHECK_IS(MONIPY_ERR_INVALID_STATE, monipy_hold(supervisor, 0));
  CHECK_IS(MONIPY_ERR_INVALID_STATE, monipy_unhold(supervisor, 0));
  CHECK_IS(MONIPY_ERR_INVALID_STATE, monipy_mute(supervisor, 0));
  CHECK_IS(MONIPY_ERR_INVALID_STATE, monipy_call(supervisor, "100", &id));
  CHECK_IS(0, id);
  CHECK_IS(MONIPY_ERR_INVALID_STATE, monipy_send_dtmf(supervisor, 0, "12", 0, 0));
  CHECK_IS(1005, monipy_status_code(MONIPY_ERR_INVALID_DTMF));
  CHECK_IS(MONIPY_ERR_INVALID_ARGUMENT, monipy_reject(supervisor, 0, 200));
  CHECK_IS(MONIPY_ERR_INVALID_ARGUMENT, monipy_reject(supervisor, 0, 70000));
  CHECK_IS(MONIPY_ERR_INVALID_ARGUMENT, monipy_reject(supervisor, 0, -1));
  CHECK_IS(MONIPY_ERR_NO_SUCH_CALL, monipy_call_state(supervisor, 0));
  CHECK_IS(MONIPY_ERR_NO_SUCH_CALL, monipy_is_muted(supervisor, 9));
  CHECK_IS(MONIPY_ERR_NO_SUCH_CALL, monipy_call_text(supervisor, 0, MONIPY_TEXT_FROM, text, sizeof text, &size));
  CHECK_IS(MONIPY_ERR_NO_SUCH_CALL, monipy_audio_read(supervisor, 0, pcm, 160, 0));
  CHECK(monipy_audio_read(supervisor, 77, pcm, 160, 0) < 0);
  CHECK_IS(MONIPY_ERR_INVALID_ARGUMENT, monipy_audio_read(supervisor, 0, NULL, 160, 0));
  CHECK_IS(MONIPY_ERR_INVALID_ARGUMENT, monipy_audio_write(supervisor, 0, pcm, UINT32_MAX, 0));
  CHECK_IS(MONIPY_ERR_INVALID_ARGUMENT, monipy_audio_read(supervisor, 0, (int16_t *)((char *)pcm + 1), 8, 0));
  CHECK_IS(MONIPY_OK, monipy_call_list(supervisor, NULL, 0, &size));
  CHECK_IS(0, size);
  CHECK_IS(MONIPY_ERR_INVALID_ARGUMENT, monipy_call_list(supervisor, NULL, 4, &size));
  CHECK_IS(0, monipy_is_logged_in(supervisor));
  CHECK_IS(MONIPY_OK, monipy_supervisor_destroy(supervisor));
}

static void a_second_login_is_refused(void) {
  char url[64];
  int server = mute_server(url, sizeof url);
  monipy_config config = test_config();
  monipy_supervisor *supervisor = NULL;
  config.server = url;
  CHECK_IS(MONIPY_OK, monipy_supervisor_create(&config, NULL, &supervisor));
  CHECK_IS(MONIPY_OK, monipy_login(supervisor, "1001", "secret"));
  CHECK_IS(MONIPY_ERR_ALREADY_LOGGED_IN, monipy_login(supervisor, "1001", "secret"));
  CHECK_IS(1001, monipy_status_code(MONIPY_ERR_ALREADY_LOGGED_IN));
  CHECK_IS(MONIPY_OK, monipy_supervisor_destroy(supervisor));
  close(server);
}

static void numbers_that_are_none_have_names_too(void) {
  for (int32_t status = -120; status < 20; status++) {
    CHECK(strlen(monipy_status_name(status)) > 0);
    CHECK(strlen(monipy_status_text(status)) > 0);
  }
  CHECK_IS(0, strcmp(monipy_status_name(MONIPY_ERR_FORKED), "MONIPY_ERR_FORKED"));
  CHECK_IS(0, strcmp(monipy_status_name(INT32_MIN), "unknown"));
  CHECK_IS(0, strcmp(monipy_event_name(MONIPY_EVENT_INCOMING_CALL), "inComingCall"));
  CHECK_IS(0, strcmp(monipy_event_name(0), "unknown"));
  CHECK_IS(0, strcmp(monipy_event_name(UINT32_MAX), "unknown"));
}

static void versions_agree(void) {
  char text[32];
  CHECK_IS(MONIPY_VERSION, monipy_version());
  CHECK_IS(MONIPY_ABI_VERSION, monipy_abi_version());
  snprintf(text, sizeof text, "%d.%d.%d", MONIPY_VERSION_MAJOR, MONIPY_VERSION_MINOR, MONIPY_VERSION_PATCH);
  CHECK_IS(0, strcmp(text, monipy_version_string()));
}

int main(void) {
  RUN(invalid_utf8_is_refused_and_named);
  RUN(null_strings_are_refused_and_named);
  RUN(strings_of_64_megabytes_are_refused);
  RUN(wrong_settings_are_refused_and_named);
  RUN(commands_in_the_wrong_state_say_so);
  RUN(a_second_login_is_refused);
  RUN(numbers_that_are_none_have_names_too);
  RUN(versions_agree);
  return 0;
}
