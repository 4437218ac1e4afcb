// The phone of the behaviour suite in C++: commands on standard input, events and replies as lines
// of JSON on standard output. See ../README.md for the commands.
//
//   phone SERVER [KEY=NUMBER...]      keys: ring_time, max_calls
#include <monipy.hpp>

#include <array>
#include <fstream>
#include <iostream>
#include <map>
#include <mutex>
#include <sstream>

using namespace std::chrono_literals;

constexpr std::uint32_t rate = 16000;

// Events and replies come from two threads: a line is written whole.
static void say(const std::string& line) {
  static std::mutex mutex;
  const std::lock_guard lock(mutex);
  std::cout << line << '\n' << std::flush;
}

// Writes what is heard in the next so many milliseconds to a file.
static void hear(monipy::SupervisorRef supervisor, std::size_t milliseconds, const std::string& path) {
  std::ofstream file(path, std::ios::binary);
  std::array<std::int16_t, rate / 50> pcm;
  for (std::size_t left = rate / 1000 * milliseconds; left > 0;) {
    const std::size_t got = supervisor.read(pcm.data(), std::min(left, pcm.size()), 5s).value();
    if (got == 0) throw monipy::Error(MONIPY_ERR_TIMEOUT, "nothing is heard");
    file.write(reinterpret_cast<const char*>(pcm.data()), static_cast<std::streamsize>(got * sizeof pcm[0]));
    left -= got;
  }
}

// Speaks what is in a file.
static void speak(monipy::SupervisorRef supervisor, const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  std::array<std::int16_t, rate / 50> pcm;
  while (file.read(reinterpret_cast<char*>(pcm.data()), sizeof pcm), file.gcount() > 0)
    (void)supervisor.write(pcm.data(), static_cast<std::size_t>(file.gcount()) / sizeof pcm[0], 5s).value();
}

int main(int argc, char** argv) {
  std::mutex mutex;
  std::string on_incoming; // what to do inside inComingCall: "", "answer" or "terminate"

  static const monipy_ice_server no_servers[1] = {};
  monipy::Config config;
  config->server = argc > 1 ? argv[1] : nullptr;
  config->ice_servers = no_servers; // there, and empty: no STUN
  config->local_address = "127.0.0.1";
  config->audio_mode = MONIPY_AUDIO_APPLICATION;
  config->sample_rate = rate;
  config->reconnect_min_ms = 50;
  config->reconnect_max_ms = 300;
  for (int i = 2; i < argc; ++i) {
    const std::string setting = argv[i];
    const auto equals = setting.find('=');
    (setting.substr(0, equals) == "ring_time" ? config->ring_time : config->max_calls) =
        static_cast<std::uint32_t>(std::stoul(setting.substr(equals + 1)));
  }

  monipy::Handlers handlers;
  handlers.on_event = [&](monipy::SupervisorRef supervisor, const monipy::Event& event) {
    say(std::string(event.json()));
    if (event.type() != MONIPY_EVENT_INCOMING_CALL) return;
    const std::lock_guard lock(mutex);
    if (on_incoming == "answer") supervisor.answer(event.call()).or_throw();
    if (on_incoming == "terminate") supervisor.terminate(event.call()).or_throw();
  };
  const monipy::Supervisor supervisor(config, std::move(handlers));

  using Arguments = std::pair<std::string, std::string>;
  const std::map<std::string, std::function<void(const Arguments&)>> commands = {
      {"login", [&](const Arguments& a) { supervisor.login(a.first, a.second).or_throw(); }},
      {"logout", [&](const Arguments&) { supervisor.logout().or_throw(); }},
      {"call", [&](const Arguments& a) { (void)supervisor.call(a.first).value(); }},
      {"answer", [&](const Arguments&) { supervisor.answer().or_throw(); }},
      {"reject", [&](const Arguments&) { supervisor.reject().or_throw(); }},
      {"terminate", [&](const Arguments&) { supervisor.terminate().or_throw(); }},
      {"hold", [&](const Arguments&) { supervisor.hold().or_throw(); }},
      {"unhold", [&](const Arguments&) { supervisor.unhold().or_throw(); }},
      {"mute", [&](const Arguments&) { supervisor.mute().or_throw(); }},
      {"unmute", [&](const Arguments&) { supervisor.unmute().or_throw(); }},
      {"dtmf", [&](const Arguments& a) { supervisor.send_dtmf(a.first).or_throw(); }},
      {"hear", [&](const Arguments& a) { hear(supervisor, std::stoul(a.first), a.second); }},
      {"speak", [&](const Arguments& a) { speak(supervisor, a.first); }},
      {"on_incoming", [&](const Arguments& a) {
         const std::lock_guard lock(mutex);
         on_incoming = a.first;
       }},
  };
  for (std::string line; std::getline(std::cin, line);) {
    std::istringstream words(line);
    std::string command;
    Arguments arguments;
    words >> command >> arguments.first >> arguments.second;
    if (command == "quit") break;
    int code = 200;
    try {
      commands.at(command)(arguments);
    } catch (const monipy::Error& error) {
      code = error.code();
    }
    say("{\"reply\":\"" + command + "\",\"code\":" + std::to_string(code) + "}");
  }
}
