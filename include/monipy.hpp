/*
 * monipy for C++17: supervisors that end with their scope, handlers that are std::function, errors
 * that are values or exceptions as you like. Header-only, on top of monipy.h, which explains what
 * everything means.
 *
 *     monipy::Config config;
 *     config->name = "Ada";
 *     config->audio_mode = MONIPY_AUDIO_APPLICATION;
 *
 *     monipy::Handlers handlers;
 *     handlers.on_event = [](monipy::SupervisorRef supervisor, const monipy::Event& event) {
 *       std::cout << event.name() << ' ' << event.code() << ' ' << event.status() << '\n';
 *       if (event.type() == MONIPY_EVENT_INCOMING_CALL) (void)supervisor.answer(event.call());
 *     };
 *
 *     monipy::Supervisor supervisor(config, std::move(handlers));
 *     supervisor.login("1001", "secret").or_throw();
 *
 * Handlers run on threads of the library. An exception that leaves one goes to
 * Handlers::on_exception, never into the library.
 */
#ifndef MONIPY_HPP
#define MONIPY_HPP

#include <monipy.h>

#include <chrono>
#include <cstdint>
#include <cstdio>
#include <exception>
#include <functional>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>
#include <vector>
#if __has_include(<span>)
#include <span>
#endif

namespace monipy {

/// What Status::or_throw and the constructors throw.
class Error : public std::runtime_error {
 public:
  Error(monipy_status status, const std::string& sentence) : std::runtime_error(sentence), status_(status) {}
  /// MONIPY_ERR_.
  monipy_status status() const noexcept { return status_; }
  /// The contract's code: 1001, 1002, 1003 ...
  int code() const noexcept { return monipy_status_code(status_); }

 private:
  monipy_status status_;
};

/// What a method returns: good when true. Look at it, or call or_throw().
class [[nodiscard]] Status {
 public:
  explicit Status(monipy_status value) : value_(value), sentence_(value < 0 ? monipy_last_error() : "") {}
  explicit operator bool() const noexcept { return value_ >= 0; }
  monipy_status value() const noexcept { return value_; }
  /// The contract's code.
  int code() const noexcept { return monipy_status_code(value_ < 0 ? value_ : MONIPY_OK); }
  /// What is wrong and what to do about it; empty when nothing is.
  const std::string& sentence() const noexcept { return sentence_; }
  void or_throw() const {
    if (value_ < 0) throw Error(value_, sentence_);
  }

 private:
  monipy_status value_;
  std::string sentence_;
};

/// A value, or why there is none.
template <typename T>
class [[nodiscard]] Result {
 public:
  Result(Status status, T value) : status_(std::move(status)), value_(std::move(value)) {}
  explicit operator bool() const noexcept { return static_cast<bool>(status_); }
  const Status& status() const noexcept { return status_; }
  /// The value; throws Error when there is none.
  const T& value() const {
    status_.or_throw();
    return value_;
  }
  /// The value, or another.
  T value_or(T other) const { return status_ ? value_ : std::move(other); }

 private:
  Status status_;
  T value_;
};

/// Samples that belong to somebody else: mono, signed 16 bits.
template <typename T>
class Samples {
 public:
  Samples(T* data, std::size_t size) noexcept : data_(data), size_(size) {}
  T* data() const noexcept { return data_; }
  std::size_t size() const noexcept { return size_; }
  bool empty() const noexcept { return size_ == 0; }
  T* begin() const noexcept { return data_; }
  T* end() const noexcept { return data_ + size_; }
  T& operator[](std::size_t at) const noexcept { return data_[at]; }
#if defined(__cpp_lib_span)
  operator std::span<T>() const noexcept { return {data_, size_}; }
#endif

 private:
  T* data_;
  std::size_t size_;
};

/// An event, lent for the time of a handler. Copy what you keep.
class Event {
 public:
  explicit Event(const monipy_event& raw) noexcept : raw_(&raw) {}
  const monipy_event& raw() const noexcept { return *raw_; }
  /// MONIPY_EVENT_.
  monipy_event_type type() const noexcept { return raw_->type; }
  /// 0 when it belongs to no call.
  monipy_call_id call() const noexcept { return raw_->call; }
  std::uint64_t seq() const noexcept { return raw_->seq; }
  std::chrono::system_clock::time_point time() const noexcept {
    return std::chrono::system_clock::time_point(std::chrono::milliseconds(raw_->time_ms));
  }
  int code() const noexcept { return raw_->code; }
  std::string_view name() const noexcept { return raw_->name; }
  std::string_view status() const noexcept { return raw_->status; }
  std::string_view reason() const noexcept { return raw_->reason; }
  /// "incoming" or "outgoing".
  std::string_view direction() const noexcept { return raw_->direction; }
  /// "myself" or "other".
  std::string_view whom() const noexcept { return raw_->whom; }
  std::string_view dtmf() const noexcept { return raw_->dtmf; }
  std::chrono::milliseconds duration() const noexcept { return std::chrono::milliseconds(raw_->duration_ms); }
  std::string_view from() const noexcept { return raw_->from; }
  std::string_view from_uri() const noexcept { return raw_->from_uri; }
  std::string_view call_id() const noexcept { return raw_->call_id; }
  std::string_view team_name() const noexcept { return raw_->team_name; }
  std::string_view to_number() const noexcept { return raw_->to_number; }
  std::string_view transfer_from() const noexcept { return raw_->transfer_from; }
  std::string_view transfer() const noexcept { return raw_->transfer; }
  /// An X- header by its name as sent.
  std::optional<std::string_view> header(std::string_view name) const noexcept {
    for (std::size_t i = 0; i < raw_->header_count; ++i)
      if (name == raw_->headers[i].name) return raw_->headers[i].value;
    return std::nullopt;
  }
  /// NULL unless it is the event stats.
  const monipy_stats* stats() const noexcept { return raw_->stats; }
  std::uint64_t dropped() const noexcept { return raw_->dropped; }
  /// The whole event as one line of JSON.
  std::string_view json() const noexcept { return raw_->json; }

 private:
  const monipy_event* raw_;
};

/// An event that wait_event gave; given back with its scope.
class OwnedEvent {
 public:
  explicit OwnedEvent(const monipy_event* raw) noexcept : raw_(raw) {}
  explicit operator bool() const noexcept { return raw_ != nullptr; }
  /// The event; not when this is empty.
  Event get() const noexcept { return Event(*raw_); }

 private:
  struct Free {
    void operator()(const monipy_event* event) const noexcept { monipy_event_free(event); }
  };
  std::unique_ptr<const monipy_event, Free> raw_;
};

/// A frame of what is heard, lent for the time of a handler.
struct Frame {
  std::uint32_t sample_rate;
  /// Samples since the call's first frame.
  std::uint64_t timestamp;
  /// Some of it had to be invented.
  bool concealed;
  Samples<const std::int16_t> pcm;
};

/// The configuration, with the defaults. Its fields are those of monipy_config: config->name.
class Config {
 public:
  Config() { Status(monipy_config_init(&raw_, sizeof raw_)).or_throw(); }
  monipy_config* operator->() noexcept { return &raw_; }
  const monipy_config* operator->() const noexcept { return &raw_; }
  const monipy_config& raw() const noexcept { return raw_; }

 private:
  monipy_config raw_;
};

/// A supervisor that somebody else owns. Small, copied freely; when the owner has destroyed it,
/// every method says MONIPY_ERR_INVALID_HANDLE. Where a method takes a call, 0 is the current one.
class SupervisorRef {
 public:
  explicit SupervisorRef(monipy_supervisor* raw = nullptr) noexcept : raw_(raw) {}
  monipy_supervisor* raw() const noexcept { return raw_; }

  Status login(const std::string& user_id, const std::string& password) const {
    return Status(monipy_login(raw_, user_id.c_str(), password.c_str()));
  }
  Status logout() const { return Status(monipy_logout(raw_)); }
  bool is_logged_in() const noexcept { return monipy_is_logged_in(raw_) == 1; }
  bool is_connected() const noexcept { return monipy_is_connected(raw_) == 1; }

  /// Places a call; the value is its id, 0 when it is not known yet.
  Result<monipy_call_id> call(const std::string& target) const {
    monipy_call_id id = 0;
    Status status(monipy_call(raw_, target.c_str(), &id));
    return {std::move(status), id};
  }
  Status answer(monipy_call_id call = 0) const { return Status(monipy_answer(raw_, call)); }
  Status reject(monipy_call_id call = 0, int sip_code = 0) const { return Status(monipy_reject(raw_, call, sip_code)); }
  Status terminate(monipy_call_id call = 0) const { return Status(monipy_terminate(raw_, call)); }
  Status hold(monipy_call_id call = 0) const { return Status(monipy_hold(raw_, call)); }
  Status unhold(monipy_call_id call = 0) const { return Status(monipy_unhold(raw_, call)); }
  Status mute(monipy_call_id call = 0) const { return Status(monipy_mute(raw_, call)); }
  Status unmute(monipy_call_id call = 0) const { return Status(monipy_unmute(raw_, call)); }
  Status send_dtmf(const std::string& digits, monipy_call_id call = 0,
                   std::chrono::milliseconds duration = std::chrono::milliseconds(0),
                   std::chrono::milliseconds gap = std::chrono::milliseconds(0)) const {
    return Status(monipy_send_dtmf(raw_, call, digits.c_str(), milliseconds(duration), milliseconds(gap)));
  }

  bool on_hold(monipy_call_id call = 0) const noexcept { return monipy_is_on_hold(raw_, call) == 1; }
  bool on_mute(monipy_call_id call = 0) const noexcept { return monipy_is_muted(raw_, call) == 1; }
  Result<monipy_call_info> call_info(monipy_call_id call = 0) const {
    monipy_call_info info{};
    Status status(monipy_call_get_info(raw_, call, &info, sizeof info));
    return {std::move(status), info};
  }
  /// Every call that is not over, oldest first; none when the supervisor is destroyed.
  std::vector<monipy_call_id> calls() const {
    std::vector<monipy_call_id> ids(4);
    std::size_t count = 0;
    monipy_status status;
    while ((status = monipy_call_list(raw_, ids.data(), ids.size(), &count)) == MONIPY_ERR_BUFFER_TOO_SMALL) ids.resize(count);
    ids.resize(status == MONIPY_OK ? count : 0);
    return ids;
  }
  /// What the INVITE said: MONIPY_TEXT_.
  Result<std::string> text(std::int32_t field, monipy_call_id call = 0) const {
    return grow([&](char* buffer, std::size_t capacity, std::size_t* needed) {
      return monipy_call_text(raw_, call, field, buffer, capacity, needed);
    });
  }
  /// An X- header of the INVITE.
  Result<std::string> header(const std::string& name, monipy_call_id call = 0) const {
    return grow([&](char* buffer, std::size_t capacity, std::size_t* needed) {
      return monipy_call_header(raw_, call, name.c_str(), buffer, capacity, needed);
    });
  }
  Result<monipy_stats> stats(monipy_call_id call = 0) const {
    monipy_stats stats{};
    Status status(monipy_call_stats(raw_, call, &stats, sizeof stats));
    return {std::move(status), stats};
  }

  /// Reads what is heard: how many samples; 0 for nothing within the time.
  Result<std::size_t> read(std::int16_t* pcm, std::size_t samples, std::chrono::milliseconds timeout = std::chrono::milliseconds(0),
                           monipy_call_id call = 0) const {
    return count(monipy_audio_read(raw_, call, pcm, static_cast<std::uint32_t>(samples), milliseconds(timeout)));
  }
  /// Reads what one party says, where the server sends the parties apart (monipy_party_read).
  Result<std::size_t> read_party(std::uint32_t party, std::int16_t* pcm, std::size_t samples,
                                 std::chrono::milliseconds timeout = std::chrono::milliseconds(0), monipy_call_id call = 0) const {
    return count(monipy_party_read(raw_, call, party, pcm, static_cast<std::uint32_t>(samples), milliseconds(timeout)));
  }
  /// Speaks: how many samples were queued.
  Result<std::size_t> write(const std::int16_t* pcm, std::size_t samples,
                            std::chrono::milliseconds timeout = std::chrono::milliseconds(0), monipy_call_id call = 0) const {
    return count(monipy_audio_write(raw_, call, pcm, static_cast<std::uint32_t>(samples), milliseconds(timeout)));
  }
  Status clear(monipy_call_id call = 0) const { return Status(monipy_audio_clear(raw_, call)); }
  std::chrono::milliseconds queued(monipy_call_id call = 0) const noexcept {
    const std::int32_t ms = monipy_audio_queued_ms(raw_, call);
    return std::chrono::milliseconds(ms < 0 ? 0 : ms);
  }

  /// Records into a WAV or, by its name, an Ogg Opus file; the value is the recording's number.
  Result<monipy_sound_id> record(const std::string& path, std::uint32_t sample_rate = 0, monipy_call_id call = 0) const {
    monipy_sound_id id = 0;
    Status status(monipy_record(raw_, call, path.c_str(), sample_rate, &id));
    return {std::move(status), id};
  }
  /// Leaves out what is said, for privacy.
  Status pause_recording(monipy_sound_id recording) const { return Status(monipy_record_pause(raw_, recording)); }
  Status resume_recording(monipy_sound_id recording) const { return Status(monipy_record_resume(raw_, recording)); }
  /// Writes a page of HTML about a recording.
  Status report(monipy_sound_id recording, const std::string& path) const {
    return Status(monipy_record_report(raw_, recording, path.c_str()));
  }
  /// Speaks a WAV or Ogg Opus file; the value is its number.
  Result<monipy_sound_id> play(const std::string& path, monipy_call_id call = 0) const {
    monipy_sound_id id = 0;
    Status status(monipy_play(raw_, call, path.c_str(), &id));
    return {std::move(status), id};
  }
  /// Ends a recording, or a file that is played.
  Status stop(monipy_sound_id sound) const { return Status(monipy_sound_stop(raw_, sound)); }
  /// Waits for its end; MONIPY_ERR_TIMEOUT when it goes on.
  Status wait(monipy_sound_id sound, std::optional<std::chrono::milliseconds> timeout = std::nullopt) const {
    return Status(monipy_sound_wait(raw_, sound, timeout ? milliseconds(*timeout) : UINT32_MAX));
  }
  /// Uses this speaker from now on; none for the system's default.
  Status set_output_device(const std::optional<std::string>& name) const {
    return Status(monipy_set_device(raw_, MONIPY_DEVICE_OUTPUT, name ? name->c_str() : nullptr));
  }
  /// Uses this microphone from now on.
  Status set_input_device(const std::optional<std::string>& name) const {
    return Status(monipy_set_device(raw_, MONIPY_DEVICE_INPUT, name ? name->c_str() : nullptr));
  }

  /// The next event of a supervisor without on_event; empty when the time is up. Without a time it
  /// waits for ever.
  Result<OwnedEvent> wait_event(std::optional<std::chrono::milliseconds> timeout = std::nullopt) const {
    const monipy_event* event = nullptr;
    const monipy_status got = monipy_wait_event(raw_, timeout ? milliseconds(*timeout) : UINT32_MAX, &event);
    Status status(got == MONIPY_ERR_TIMEOUT ? MONIPY_OK : got);
    return {std::move(status), OwnedEvent(event)};
  }

 protected:
  monipy_supervisor* raw_;

 private:
  static std::uint32_t milliseconds(std::chrono::milliseconds time) noexcept {
    if (time.count() < 0) return 0;
    return time.count() >= UINT32_MAX ? UINT32_MAX - 1 : static_cast<std::uint32_t>(time.count());
  }
  static Result<std::size_t> count(std::int32_t got) { return {Status(got), got < 0 ? 0 : static_cast<std::size_t>(got)}; }
  template <typename F>
  static Result<std::string> grow(F copy) {
    std::string text(64, '\0');
    std::size_t needed = 0;
    monipy_status status;
    while ((status = copy(text.data(), text.size(), &needed)) == MONIPY_ERR_BUFFER_TOO_SMALL) text.resize(needed);
    text.resize(status == MONIPY_OK && needed > 0 ? needed - 1 : 0);
    return {Status(status), std::move(text)};
  }
};

/// What is called, on threads of the library. Leave empty what you do not need.
struct Handlers {
  /// An event: one at a time, in order. May take its time. Empty for wait_event.
  std::function<void(SupervisorRef, const Event&)> on_event;
  /// A frame of what is heard, on a media thread: return within half a frame, never block.
  std::function<void(SupervisorRef, monipy_call_id, const Frame&)> on_audio;
  /// A frame is to be sent: write samples, return how many. On a media thread.
  std::function<std::size_t(SupervisorRef, monipy_call_id, Samples<std::int16_t>)> fill_audio;
  /// An exception left a handler. Empty: its text goes to stderr.
  std::function<void(std::exception_ptr)> on_exception;
};

/// A supervisor. Move-only; ends with its scope: calls end, the registration is taken back, and no
/// handler runs any more when the destructor returns (unless it runs inside a handler: then it
/// returns at once).
class Supervisor : public SupervisorRef {
 public:
  /// None: every method says MONIPY_ERR_INVALID_HANDLE.
  Supervisor() noexcept = default;

  /// Throws Error with a sentence that names the field that is wrong.
  explicit Supervisor(const Config& config, Handlers handlers = {}) {
    auto state = std::make_unique<Handlers>(std::move(handlers));
    monipy_callbacks callbacks{};
    callbacks.struct_size = sizeof callbacks;
    callbacks.user_data = state.get();
    callbacks.user_data_free = [](void* user_data) { delete static_cast<Handlers*>(user_data); };
    if (state->on_event) callbacks.on_event = event;
    if (state->on_audio) callbacks.on_audio = audio;
    if (state->fill_audio) callbacks.fill_audio = fill;
    Status(monipy_supervisor_create(&config.raw(), &callbacks, &raw_)).or_throw();
    state.release(); // user_data_free deletes it, after the last handler
  }

  Supervisor(Supervisor&& other) noexcept : SupervisorRef(std::exchange(other.raw_, nullptr)) {}
  Supervisor& operator=(Supervisor&& other) noexcept {
    if (this != &other) {
      close();
      raw_ = std::exchange(other.raw_, nullptr);
    }
    return *this;
  }
  Supervisor(const Supervisor&) = delete;
  Supervisor& operator=(const Supervisor&) = delete;
  ~Supervisor() { close(); }

  /// Ends it now.
  void close() noexcept { monipy_supervisor_destroy(std::exchange(raw_, nullptr)); }

 private:
  /// Runs a handler; nothing it throws goes further.
  template <typename F>
  static void guarded(Handlers& handlers, F run) noexcept {
    try {
      run();
    } catch (...) {
      try {
        if (handlers.on_exception) return handlers.on_exception(std::current_exception());
        throw;
      } catch (const std::exception& e) {
        std::fprintf(stderr, "monipy: an exception left a handler: %s\n", e.what());
      } catch (...) {
        std::fprintf(stderr, "monipy: an exception left a handler\n");
      }
    }
  }
  static void event(void* user_data, monipy_supervisor* raw, const monipy_event* event) {
    Handlers& handlers = *static_cast<Handlers*>(user_data);
    guarded(handlers, [&] { handlers.on_event(SupervisorRef(raw), Event(*event)); });
  }
  static void audio(void* user_data, monipy_supervisor* raw, monipy_call_id call, const monipy_audio_frame* frame) {
    Handlers& handlers = *static_cast<Handlers*>(user_data);
    const Frame view{frame->sample_rate, frame->timestamp, frame->concealed != 0, {frame->pcm, frame->samples}};
    guarded(handlers, [&] { handlers.on_audio(SupervisorRef(raw), call, view); });
  }
  static std::uint32_t fill(void* user_data, monipy_supervisor* raw, monipy_call_id call, std::int16_t* pcm, std::uint32_t samples) {
    Handlers& handlers = *static_cast<Handlers*>(user_data);
    std::uint32_t written = 0;
    guarded(handlers, [&] { written = static_cast<std::uint32_t>(handlers.fill_audio(SupervisorRef(raw), call, {pcm, samples})); });
    return written;
  }
};

/// The machine's speakers or microphones (MONIPY_DEVICE_) by name, the system's default first.
inline Result<std::vector<std::string>> devices(std::int32_t kind) {
  std::string text(256, '\0');
  std::size_t needed = 0;
  monipy_status got;
  while ((got = monipy_device_list(kind, text.data(), text.size(), &needed)) == MONIPY_ERR_BUFFER_TOO_SMALL) text.resize(needed);
  std::vector<std::string> names;
  if (got == MONIPY_OK) {
    text.resize(needed > 0 ? needed - 1 : 0);
    for (std::size_t from = 0; from < text.size();) {
      const std::size_t end = text.find('\n', from) == std::string::npos ? text.size() : text.find('\n', from);
      names.push_back(text.substr(from, end - from));
      from = end + 1;
    }
  }
  return {Status(got), std::move(names)};
}

/// Sends the log to a function, on a thread of the library; an empty function takes it away.
/// level: MONIPY_LOG_.
inline Status set_log(std::function<void(std::int32_t level, std::string_view target, std::string_view message)> on_log,
                      std::int32_t level = MONIPY_LOG_INFO) {
  using Function = decltype(on_log);
  if (!on_log) return Status(monipy_set_log_callback(nullptr, nullptr, nullptr, 0));
  auto state = std::make_unique<Function>(std::move(on_log));
  Status status(monipy_set_log_callback(
      [](void* user_data, const monipy_log_record* record) {
        try {
          (*static_cast<Function*>(user_data))(record->level, record->target, record->message);
        } catch (...) {
          // A log that fails has nowhere to say so.
        }
      },
      state.get(), [](void* user_data) { delete static_cast<Function*>(user_data); }, level));
  if (status) state.release();
  return status;
}

/// Ends everything and joins every thread of the library, so that it may be unloaded.
inline Status shutdown(std::chrono::milliseconds timeout = std::chrono::seconds(5)) {
  return Status(monipy_shutdown(static_cast<std::uint32_t>(timeout.count())));
}

} // namespace monipy

#endif
