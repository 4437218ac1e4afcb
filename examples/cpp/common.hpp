// What the three programs share: a supervisor that answers and says when it is over, and WAV files
// of 16 bits.
#pragma once

#include <monipy.hpp>

#include <cstring>
#include <fstream>
#include <future>
#include <iostream>
#include <string>
#include <vector>

constexpr std::uint32_t rate = 16000; // Hz, of all PCM here

inline monipy::Config config(const char* server) {
  monipy::Config config;
  config->server = server;
  config->audio_mode = MONIPY_AUDIO_APPLICATION;
  config->sample_rate = rate;
  return config;
}

// Prints events, answers, and completes `over` when the call is over. What else is to be done goes
// into `then`.
inline auto answering(std::promise<void>& over, std::function<void(monipy::SupervisorRef, const monipy::Event&)> then = {}) {
  return [&over, then = std::move(then), done = false](monipy::SupervisorRef supervisor, const monipy::Event& event) mutable {
    std::cout << event.name() << ' ' << event.code() << ' ' << event.status() << std::endl;
    if (event.type() == MONIPY_EVENT_INCOMING_CALL) supervisor.answer(event.call()).or_throw();
    if (then) then(supervisor, event);
    const bool last = event.type() == MONIPY_EVENT_ENDED || event.type() == MONIPY_EVENT_HANGUP || event.type() == MONIPY_EVENT_LOGIN_FAILED;
    if (last && !std::exchange(done, true)) over.set_value();
  };
}

// A WAV of 16 bits, mono, at `rate`.
inline std::vector<std::int16_t> read_wav(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  const std::string all((std::istreambuf_iterator<char>(file)), {});
  const auto number = [&](std::size_t at, int bytes) {
    std::uint32_t value = 0;
    while (bytes-- > 0) value = value << 8 | static_cast<unsigned char>(all.at(at + static_cast<std::size_t>(bytes)));
    return value;
  };
  bool fits = false;
  if (all.compare(0, 4, "RIFF") == 0)
    for (std::size_t at = 12; at + 8 <= all.size(); at += 8 + number(at + 4, 4) + number(at + 4, 4) % 2) {
      if (all.compare(at, 4, "fmt ") == 0)
        fits = number(at + 8, 2) == 1 && number(at + 10, 2) == 1 && number(at + 12, 4) == rate && number(at + 22, 2) == 16;
      if (all.compare(at, 4, "data") == 0 && fits) {
        const std::string bytes = all.substr(at + 8, number(at + 4, 4));
        std::vector<std::int16_t> pcm(bytes.size() / 2);
        std::memcpy(pcm.data(), bytes.data(), pcm.size() * 2);
        return pcm;
      }
    }
  throw std::runtime_error(path + ": not a WAV of 16 bits, mono, " + std::to_string(rate) + " Hz");
}

// Writes a WAV of 16 bits.
inline void write_wav(const std::string& path, const std::vector<std::int16_t>& pcm, std::uint32_t channels) {
  std::ofstream file(path, std::ios::binary);
  const auto put = [&](std::uint32_t value, int bytes) {
    for (; bytes > 0; --bytes, value >>= 8) file.put(static_cast<char>(value & 0xff));
  };
  const auto size = static_cast<std::uint32_t>(pcm.size() * 2);
  file << "RIFF", put(36 + size, 4), file << "WAVEfmt ", put(16, 4), put(1, 2), put(channels, 2), put(rate, 4);
  put(rate * channels * 2, 4), put(channels * 2, 2), put(16, 2), file << "data", put(size, 4);
  file.write(reinterpret_cast<const char*>(pcm.data()), size);
}

// Runs a program; what it throws becomes a sentence.
template <typename F>
int run(int argc, int least, int most, const char* usage, F program) {
  if (argc < least || argc > most) {
    std::cerr << "usage: " << usage << '\n';
    return 2;
  }
  try {
    program();
    return 0;
  } catch (const std::exception& error) {
    std::cerr << error.what() << '\n';
    return 1;
  }
}
