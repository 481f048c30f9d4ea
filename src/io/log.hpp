// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <concepts>
#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <variant>

// One line per event, for people and for grep:
//
//   2026-05-01T10:00:00.123Z info  peer: Established peer=tor-a neighbor=192.0.2.1
//
//   error  a person must act         warn   something failed, and we recovered
//   info   a state changed           debug  single messages
//
// Lines go through a queue of 256 to a thread that writes stderr. A stderr that blocks costs the
// oldest lines, which are counted, and never the loop's time. Without an Output nothing is written:
// tests are quiet. A level that is off costs one comparison.
namespace porter::log {

enum class Level : std::uint8_t { Debug, Info, Warn, Error };
[[nodiscard]] std::string_view to_string(Level level);                  // "info"
[[nodiscard]] std::optional<Level> level_named(std::string_view name);  // the inverse

struct Field {
  using Value = std::variant<std::string_view, std::int64_t, std::uint64_t, double>;

  Field(std::string_view name, std::string_view text) : key{name}, value{text} {}
  Field(std::string_view name, const std::string& text)
      : key{name}, value{std::string_view{text}} {}
  Field(std::string_view name, const char* text) : key{name}, value{std::string_view{text}} {}
  Field(std::string_view name, bool truth)
      : key{name}, value{truth ? std::string_view{"true"} : std::string_view{"false"}} {}
  template <std::signed_integral Number>
  Field(std::string_view name, Number number) : key{name}, value{std::int64_t{number}} {}
  template <std::unsigned_integral Number>
    requires(!std::same_as<Number, bool>)
  Field(std::string_view name, Number number) : key{name}, value{std::uint64_t{number}} {}
  Field(std::string_view name, double number) : key{name}, value{number} {}

  std::string_view key;
  Value value;  // borrowed until the call returns
};
using Fields = std::initializer_list<Field>;

// The way out. One at a time, made by main() before anything logs and destroyed after all else: the
// destructor writes what is queued. It serves the whole process: lines may come from any thread.
class Output {
 public:
  explicit Output(Level least);
  Output(const Output&) = delete;
  Output& operator=(const Output&) = delete;
  ~Output();

  void set_level(Level least);
  [[nodiscard]] std::uint64_t dropped() const;  // lines overrun since the start

 private:
  struct Sink;
  std::unique_ptr<Sink> sink_;
};

[[nodiscard]] bool is_on(Level level);
void write(Level level, std::string_view component, std::string_view message, Fields fields);

inline void error(std::string_view component, std::string_view message, Fields fields = {}) {
  if (is_on(Level::Error)) write(Level::Error, component, message, fields);
}
inline void warn(std::string_view component, std::string_view message, Fields fields = {}) {
  if (is_on(Level::Warn)) write(Level::Warn, component, message, fields);
}
inline void info(std::string_view component, std::string_view message, Fields fields = {}) {
  if (is_on(Level::Info)) write(Level::Info, component, message, fields);
}
inline void debug(std::string_view component, std::string_view message, Fields fields = {}) {
  if (is_on(Level::Debug)) write(Level::Debug, component, message, fields);
}

// The line without time stamp and level, as write() forms it: no input can begin a second line.
[[nodiscard]] std::string format(std::string_view component, std::string_view message,
                                 Fields fields);

}  // namespace porter::log

namespace porter::io {
namespace log = porter::log;
}  // namespace porter::io
