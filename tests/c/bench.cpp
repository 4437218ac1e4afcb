// What the C++ face costs, a line of JSON a figure: an event to a std::function, and, with SERVER of a
// contact centre that barges, a frame of PCM. How it is measured: bench.c.
//
//   bench-cpp [SERVER]
#include <monipy.hpp>

#include <ctime>
#include <cstdio>
#include <future>
#include <iostream>
#include <thread>

using namespace std::chrono_literals;

constexpr unsigned events = 800, rate = 16000, gathered = 20;

static double cpu_of_this_thread() {
  std::timespec now;
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
  return static_cast<double>(now.tv_sec) + static_cast<double>(now.tv_nsec) * 1e-9;
}

static void figure(const char* name, double value, const char* unit) {
  std::printf("{\"figure\": \"c++ %s\", \"value\": %.3g, \"unit\": \"%s\"}\n", name, value, unit);
}

static monipy::Config config(const char* server) {
  static const monipy_ice_server no_servers[1] = {};
  monipy::Config config;
  config->server = server;
  config->ice_servers = no_servers;
  config->local_address = "127.0.0.1";
  config->audio_mode = MONIPY_AUDIO_APPLICATION;
  config->sample_rate = rate;
  return config;
}

static void dispatch() {
  std::promise<void> release, over;
  double begin = 0;
  monipy::Handlers handlers;
  handlers.on_event = [&, open = release.get_future().share()](monipy::SupervisorRef, const monipy::Event& event) {
    if (event.seq() == 1) {
      open.wait();
      begin = cpu_of_this_thread();
    }
    if (event.seq() == events) {
      figure("event to a std::function", (cpu_of_this_thread() - begin) / (events - 1) * 1e6, "us of processor");
      over.set_value();
    }
  };
  monipy::Supervisor supervisor(config("ws://127.0.0.1:9"), std::move(handlers));
  for (unsigned i = 0; i < events; ++i) (void)supervisor.terminate();
  release.set_value();
  over.get_future().wait();
}

static void frames(const char* server) {
  std::promise<void> streaming;
  monipy::Handlers handlers;
  handlers.on_event = [&](monipy::SupervisorRef supervisor, const monipy::Event& event) {
    if (event.type() == MONIPY_EVENT_INCOMING_CALL) supervisor.answer(event.call()).or_throw();
    if (event.type() == MONIPY_EVENT_CALL_STREAM) streaming.set_value();
  };
  monipy::Supervisor supervisor(config(server), std::move(handlers));
  supervisor.login("supervisor", "secret").or_throw();
  streaming.get_future().wait();
  std::array<std::int16_t, rate / 50> pcm;
  (void)supervisor.read(pcm.data(), pcm.size(), 5s).value();
  double best = 1;
  for (int round = 0; round < 10; ++round) {
    std::this_thread::sleep_for(500ms); // frames gather
    const double start = cpu_of_this_thread();
    for (unsigned i = 0; i < gathered; ++i)
      if (supervisor.read(pcm.data(), pcm.size(), 0s).value() != pcm.size()) throw std::runtime_error("a frame is missing");
    best = std::min(best, (cpu_of_this_thread() - start) / gathered);
    while (supervisor.read(pcm.data(), pcm.size(), 0s).value() > 0) continue;
  }
  figure("frame of 20 ms at 16 kHz by read", best * 1e6, "us of processor");
}

int main(int argc, char** argv) try {
  dispatch();
  if (argc > 1) frames(argv[1]);
} catch (const std::exception& error) {
  std::cerr << error.what() << '\n';
  return 1;
}
