/* Rule 5: structs of older and newer headers. */
#include "check.h"

/* What a newer header might look like. */
typedef struct {
  monipy_config known;
  uint64_t later[8];
} newer_config;

typedef struct {
  monipy_callbacks known;
  void (*later)(void);
} newer_callbacks;

static monipy_status create(void *config, void *callbacks) {
  monipy_supervisor *supervisor = NULL;
  monipy_status status = monipy_supervisor_create(config, callbacks, &supervisor);
  CHECK((status == MONIPY_OK) == (supervisor != NULL));
  CHECK_IS(MONIPY_OK, monipy_supervisor_destroy(supervisor));
  return status;
}

static void smaller_than_version_1_is_refused(void) {
  for (uint32_t size = 0; size < offsetof(monipy_config, voice_processing); size += 4) {
    monipy_config config = test_config();
    config.struct_size = size;
    CHECK_IS(MONIPY_ERR_INVALID_ARGUMENT, create(&config, NULL));
    CHECK(strstr(monipy_last_error(), "monipy_config") != NULL);
    CHECK_IS(MONIPY_ERR_INVALID_ARGUMENT, monipy_config_init(&config, size));
  }
  for (uint32_t size = 0; size < sizeof(monipy_callbacks); size += 4) {
    monipy_config config = test_config();
    monipy_callbacks callbacks = {0};
    callbacks.struct_size = size;
    CHECK_IS(MONIPY_ERR_INVALID_ARGUMENT, create(&config, &callbacks));
  }
}

static void larger_with_a_zero_tail_is_accepted(void) {
  newer_config config;
  newer_callbacks callbacks;
  memset(&config, 0xaa, sizeof config);
  memset(&callbacks, 0, sizeof callbacks);
  CHECK_IS(MONIPY_OK, monipy_config_init(&config.known, sizeof config));
  CHECK_IS(sizeof config, config.known.struct_size);
  for (int i = 0; i < 8; i++) CHECK_IS(0, config.later[i]);
  config.known.server = "ws://127.0.0.1:9";
  callbacks.known.struct_size = sizeof callbacks;
  CHECK_IS(MONIPY_OK, create(&config, &callbacks));
}

static void larger_with_something_in_the_tail_is_refused(void) {
  newer_config config;
  CHECK_IS(MONIPY_OK, monipy_config_init(&config.known, sizeof config));
  config.known.server = "ws://127.0.0.1:9";
  config.later[7] = (uint64_t)1 << 63;
  CHECK_IS(MONIPY_ERR_INVALID_ARGUMENT, create(&config, NULL));
  newer_callbacks callbacks;
  memset(&callbacks, 0, sizeof callbacks);
  callbacks.known.struct_size = sizeof callbacks;
  callbacks.later = (void (*)(void))(uintptr_t)8;
  monipy_config plain = test_config();
  CHECK_IS(MONIPY_ERR_INVALID_ARGUMENT, create(&plain, &callbacks));
}

static void nonsense_sizes_are_refused_unread(void) {
  monipy_config config = test_config();
  config.struct_size = UINT32_MAX;
  CHECK_IS(MONIPY_ERR_INVALID_ARGUMENT, create(&config, NULL));
  CHECK_IS(MONIPY_ERR_INVALID_ARGUMENT, monipy_config_init(&config, SIZE_MAX));
  monipy_config forgotten;
  memset(&forgotten, 0, sizeof forgotten);
  CHECK_IS(MONIPY_ERR_INVALID_ARGUMENT, create(&forgotten, NULL));
}

static void the_defaults_are_the_documented_ones(void) {
  monipy_config config;
  memset(&config, 0xff, sizeof config);
  CHECK_IS(MONIPY_OK, monipy_config_init(&config, sizeof config));
  CHECK_IS(sizeof config, config.struct_size);
  CHECK_IS(0, config.debug);
  CHECK_IS(1, config.autoplay);
  CHECK_IS(0, config.auto_reboot);
  CHECK_IS(60, config.ring_time);
  CHECK_IS(300, config.register_expires);
  CHECK_IS(1, config.max_calls);
  CHECK_IS(MONIPY_AUDIO_DEVICE, config.audio_mode);
  CHECK_IS(48000, config.sample_rate);
  CHECK_IS(20, config.frame_ms);
  CHECK_IS(1024, config.event_queue);
  CHECK(config.name == NULL && config.server == NULL && config.ice_servers == NULL);
}

int main(void) {
  RUN(smaller_than_version_1_is_refused);
  RUN(larger_with_a_zero_tail_is_accepted);
  RUN(larger_with_something_in_the_tail_is_refused);
  RUN(nonsense_sizes_are_refused_unread);
  RUN(the_defaults_are_the_documented_ones);
  return 0;
}
