// Logs in, answers who barges in, says what is in a WAV file (16 bits, mono, 16 kHz), and hangs up.
//
//   barge SERVER ID PASSWORD SAY.wav
//
//   c++ -std=c++17 -o barge barge.cpp $(pkg-config --cflags --libs monipy) -pthread
#include "common.hpp"

using namespace std::chrono_literals;

int main(int argc, char** argv) {
  return run(argc, 5, 5, "barge SERVER ID PASSWORD SAY.wav", [&] {
    std::vector<std::int16_t> speech = read_wav(argv[4]);
    const double seconds = static_cast<double>(speech.size()) / rate;
    // The queue holds a second: when a second of silence fits behind the speech, that was sent.
    speech.resize(speech.size() + rate);

    std::promise<void> over;
    std::promise<monipy_call_id> streaming;
    monipy::Handlers handlers;
    handlers.on_event = answering(over, [&](monipy::SupervisorRef, const monipy::Event& event) {
      if (event.type() == MONIPY_EVENT_CALL_STREAM) streaming.set_value(event.call());
      if (event.type() == MONIPY_EVENT_LOGIN_FAILED) streaming.set_exception(std::make_exception_ptr(std::runtime_error(std::string(event.reason()))));
    });
    monipy::Supervisor supervisor(config(argv[1]), std::move(handlers));
    supervisor.login(argv[2], argv[3]).or_throw();

    const monipy_call_id call = streaming.get_future().get();
    for (std::size_t said = 0; said < speech.size();) said += supervisor.write(&speech[said], std::min<std::size_t>(speech.size() - said, rate / 50), 5s, call).value();
    std::cout << "said " << seconds << " s" << std::endl;
    supervisor.terminate(call).or_throw();
    over.get_future().wait();
  });
}
