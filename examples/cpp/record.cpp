// Logs in, answers who barges in, and records the call to a stereo WAV: left is what the supervisor
// hears (agent and customer), right is what the supervisor says (a WAV of 16 bits, mono, 16 kHz).
//
//   record SERVER ID PASSWORD CALL.wav [SAY.wav]
//
//   c++ -std=c++17 -o record record.cpp $(pkg-config --cflags --libs monipy) -pthread
#include "common.hpp"

int main(int argc, char** argv) {
  return run(argc, 5, 6, "record SERVER ID PASSWORD CALL.wav [SAY.wav]", [&] {
    const std::vector<std::int16_t> speech = argc == 6 ? read_wav(argv[5]) : std::vector<std::int16_t>();
    // Both handlers of sound run on the call's media thread, one after the other.
    std::vector<std::int16_t> stereo;
    stereo.reserve(2 * rate * 3600); // an hour without a pause for memory
    std::size_t said = 0, written = 0;

    std::promise<void> over;
    monipy::Handlers handlers;
    handlers.on_event = answering(over);
    handlers.fill_audio = [&](monipy::SupervisorRef, monipy_call_id, monipy::Samples<std::int16_t> pcm) {
      const std::size_t part = std::min(pcm.size(), speech.size() - said);
      std::copy_n(speech.begin() + static_cast<std::ptrdiff_t>(said), part, pcm.begin());
      said += part;
      return part;
    };
    handlers.on_audio = [&](monipy::SupervisorRef, monipy_call_id, const monipy::Frame& frame) {
      for (const std::int16_t heard : frame.pcm) {
        stereo.push_back(heard);
        stereo.push_back(written < said ? speech[written++] : std::int16_t{0});
      }
    };
    {
      monipy::Supervisor supervisor(config(argv[1]), std::move(handlers));
      supervisor.login(argv[2], argv[3]).or_throw();
      over.get_future().wait();
    } // no handler runs any more
    write_wav(argv[4], stereo, 2);
    std::cout << "recorded " << static_cast<double>(stereo.size()) / 2 / rate << " s\n";
  });
}
