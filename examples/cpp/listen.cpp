// Logs in, answers who barges in, and prints how loud the call is, once a second.
//
//   listen SERVER ID PASSWORD
//
//   c++ -std=c++17 -o listen listen.cpp $(pkg-config --cflags --libs monipy) -pthread
#include "common.hpp"

#include <cmath>

int main(int argc, char** argv) {
  return run(argc, 4, 4, "listen SERVER ID PASSWORD", [&] {
    std::promise<void> over;
    monipy::Handlers handlers;
    handlers.on_event = answering(over);
    handlers.on_audio = [energy = 0.0, samples = 0u](monipy::SupervisorRef, monipy_call_id call, const monipy::Frame& frame) mutable {
      for (const double sample : frame.pcm) energy += sample * sample;
      samples += static_cast<unsigned>(frame.pcm.size());
      if (samples < frame.sample_rate) return;
      std::cout << "call " << call << ": " << 10 * std::log10(energy / samples / (32768.0 * 32768.0) + 1e-12) << " dBFS" << std::endl;
      energy = samples = 0;
    };
    monipy::Supervisor supervisor(config(argv[1]), std::move(handlers));
    supervisor.login(argv[2], argv[3]).or_throw();
    over.get_future().wait();
  });
}
