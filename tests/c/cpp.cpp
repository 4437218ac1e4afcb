/* monipy.hpp: ownership, handlers, errors; no exception gets into the library. */
#include <monipy.hpp>

#include <atomic>
#include <condition_variable>
#include <cstdlib>
#include <cstring>
#include <iostream>
#include <mutex>
#include <type_traits>

#define CHECK(condition)                                                                            \
  do {                                                                                              \
    if (!(condition)) {                                                                             \
      std::cerr << __FILE__ << ':' << __LINE__ << ": " #condition "\n  " << monipy_last_error() << '\n'; \
      std::abort();                                                                                 \
    }                                                                                               \
  } while (0)

static_assert(!std::is_copy_constructible_v<monipy::Supervisor> && !std::is_copy_assignable_v<monipy::Supervisor>);
static_assert(std::is_nothrow_move_constructible_v<monipy::Supervisor> && std::is_nothrow_move_assignable_v<monipy::Supervisor>);

/* Counts, and lets others wait for a count. */
class Counter {
 public:
  void add() {
    std::lock_guard lock(mutex_);
    ++value_;
    change_.notify_all();
  }
  void wait(int least) {
    std::unique_lock lock(mutex_);
    change_.wait(lock, [&] { return value_ >= least; });
  }

 private:
  std::mutex mutex_;
  std::condition_variable change_;
  int value_ = 0;
};

static monipy::Config config() {
  monipy::Config config;
  config->server = "ws://127.0.0.1:9";
  config->audio_mode = MONIPY_AUDIO_APPLICATION;
  return config;
}

static void handlers_see_events_and_die_with_the_supervisor() {
  auto alive = std::make_shared<int>(1);
  std::weak_ptr<int> watch = alive;
  Counter seen;
  monipy::Handlers handlers;
  handlers.on_event = [&seen, alive = std::move(alive)](monipy::SupervisorRef supervisor, const monipy::Event& event) {
    CHECK(event.name() == "error" && event.code() == 1002 && event.type() == MONIPY_EVENT_ERROR);
    CHECK(!supervisor.is_logged_in());
    seen.add();
  };
  {
    monipy::Supervisor supervisor(config(), std::move(handlers));
    CHECK(!supervisor.terminate());
    seen.wait(1);
    CHECK(!watch.expired());
  }
  CHECK(watch.expired());
}

static void errors_are_values_or_exceptions() {
  monipy::Supervisor supervisor(config());
  const monipy::Status status = supervisor.answer();
  CHECK(!status && status.value() == MONIPY_ERR_INVALID_STATE && status.code() == 1002 && !status.sentence().empty());
  try {
    supervisor.logout().or_throw();
    CHECK(false);
  } catch (const monipy::Error& e) {
    CHECK(e.code() == 1002 && std::strlen(e.what()) > 5);
  }
  monipy::Config wrong = config();
  wrong->sample_rate = 44100;
  try {
    monipy::Supervisor never(wrong);
    CHECK(false);
  } catch (const monipy::Error& e) {
    CHECK(e.status() == MONIPY_ERR_INVALID_ARGUMENT && std::string(e.what()).find("sample_rate") != std::string::npos);
  }
  CHECK(!supervisor.call("100") && !supervisor.stats() && !supervisor.text(MONIPY_TEXT_FROM));
  CHECK(supervisor.calls().empty());
}

static void an_exception_in_a_handler_stays_there() {
  Counter caught;
  monipy::Handlers handlers;
  handlers.on_event = [](monipy::SupervisorRef, const monipy::Event&) { throw std::runtime_error("thrown on purpose"); };
  handlers.on_exception = [&](std::exception_ptr e) {
    try {
      std::rethrow_exception(e);
    } catch (const std::runtime_error& error) {
      CHECK(std::string(error.what()) == "thrown on purpose");
      caught.add();
    }
  };
  monipy::Supervisor supervisor(config(), std::move(handlers));
  (void)supervisor.terminate();
  (void)supervisor.terminate();
  caught.wait(2); // the handle lives on
  CHECK(!supervisor.is_logged_in());
}

static void a_supervisor_moves() {
  monipy::Supervisor first(config());
  monipy_supervisor* raw = first.raw();
  monipy::Supervisor second(std::move(first));
  CHECK(second.raw() == raw && first.raw() == nullptr);
  CHECK(first.answer().value() == MONIPY_ERR_INVALID_HANDLE);
  monipy::Supervisor third;
  third = std::move(second);
  CHECK(third.raw() == raw);
  third = monipy::Supervisor(config());
  CHECK(monipy_is_logged_in(raw) == MONIPY_ERR_INVALID_HANDLE);
  third.close();
  third.close();
}

static void events_can_be_pulled() {
  monipy::Supervisor supervisor(config());
  CHECK(!supervisor.wait_event(std::chrono::milliseconds(0)).value());
  (void)supervisor.terminate();
  const auto result = supervisor.wait_event();
  const monipy::Event event = result.value().get();
  CHECK(event.name() == "error" && event.json().find("1002") != std::string_view::npos);
}

static void a_supervisor_may_end_inside_its_own_handler() {
  Counter done;
  auto owner = std::make_shared<monipy::Supervisor>();
  monipy::Handlers handlers;
  handlers.on_event = [&done, owner](monipy::SupervisorRef, const monipy::Event&) {
    owner->close();
    done.add();
  };
  *owner = monipy::Supervisor(config(), std::move(handlers));
  (void)owner->terminate();
  done.wait(1);
}

static void the_log_goes_to_a_function() {
  Counter records;
  monipy::set_log([&](std::int32_t, std::string_view, std::string_view message) {
    CHECK(message.find("hunter2") == std::string_view::npos);
    records.add();
  }, MONIPY_LOG_TRACE).or_throw();
  monipy::Config talkative = config();
  talkative->debug = 1; // every event is worth a record
  monipy::Supervisor supervisor(talkative);
  (void)supervisor.terminate();
  supervisor.login("1001", "hunter2").or_throw();
  records.wait(1);
  monipy::set_log(nullptr).or_throw();
}

int main() {
  handlers_see_events_and_die_with_the_supervisor();
  errors_are_values_or_exceptions();
  an_exception_in_a_handler_stays_there();
  a_supervisor_moves();
  events_can_be_pulled();
  a_supervisor_may_end_inside_its_own_handler();
  the_log_goes_to_a_function();
  monipy::shutdown().or_throw();
}
