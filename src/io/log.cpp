// SPDX-License-Identifier: Apache-2.0
#include "io/log.hpp"

#include <algorithm>
#include <array>
#include <atomic>
#include <iterator>
#include <type_traits>
#include <utility>

#include <fmt/format.h>
#include <spdlog/async_logger.h>
#include <spdlog/details/thread_pool.h>
#include <spdlog/pattern_formatter.h>
#include <spdlog/sinks/stdout_sinks.h>

#include "base/result.hpp"

namespace porter::log {
namespace {

constexpr std::size_t kQueue = 256;           // 8,192, spdlog's own choice, costs 3.5 MB
constexpr std::size_t kLongestValue = 2'000;  // octets of one message or value

constexpr std::array<std::string_view, 4> kLevels{"debug", "info", "warn", "error"};
constexpr int kOff = static_cast<int>(kLevels.size());

// What is_on() reads: a level, or kOff while there is no Output.
std::atomic<int> least_level{kOff};
std::atomic<spdlog::logger*> current{nullptr};

spdlog::level::level_enum spdlog_level(Level level) {
  switch (level) {
    case Level::Debug: return spdlog::level::debug;
    case Level::Info: return spdlog::level::info;
    case Level::Warn: return spdlog::level::warn;
    case Level::Error: return spdlog::level::err;
  }
  return spdlog::level::err;
}

bool is_control(char c) {
  return static_cast<unsigned char>(c) < 0x20U || c == '\x7f';
}

void append_escaped(std::string_view text, std::string_view also, std::string& out) {
  for (const char c : text.substr(0, kLongestValue)) {
    if (is_control(c)) {
      fmt::format_to(std::back_inserter(out), "\\x{:02x}", static_cast<unsigned char>(c));
      continue;
    }
    if (also.find(c) != std::string_view::npos) out += '\\';
    out += c;
  }
  if (text.size() > kLongestValue) out += "...";
}

void append_value(std::string_view text, std::string& out) {
  const bool is_word = !text.empty() && std::all_of(text.begin(), text.end(), [](char c) {
    return c != ' ' && c != '"' && c != '=' && !is_control(c);
  });
  if (is_word) return append_escaped(text, "", out);
  out += '"';
  append_escaped(text, "\"\\", out);
  out += '"';
}

}  // namespace

struct Output::Sink {
  std::shared_ptr<spdlog::details::thread_pool> pool =
      std::make_shared<spdlog::details::thread_pool>(kQueue, 1);
  std::shared_ptr<spdlog::async_logger> logger = std::make_shared<spdlog::async_logger>(
      "porter", std::make_shared<spdlog::sinks::stderr_sink_mt>(), pool,
      spdlog::async_overflow_policy::overrun_oldest);
};

Output::Output(Level least) : sink_{std::make_unique<Sink>()} {
  PORTER_ASSERT(current.load() == nullptr);
  sink_->logger->set_formatter(std::make_unique<spdlog::pattern_formatter>(
      "%Y-%m-%dT%H:%M:%S.%eZ %v", spdlog::pattern_time_type::utc));
  sink_->logger->set_level(spdlog::level::trace);
  sink_->logger->flush_on(spdlog::level::trace);
  current.store(sink_->logger.get());
  set_level(least);
}

Output::~Output() {
  least_level.store(kOff);
  current.store(nullptr);
}

void Output::set_level(Level least) {
  least_level.store(static_cast<int>(least));
}

std::uint64_t Output::dropped() const {
  return sink_->pool->overrun_counter();
}

std::string_view to_string(Level level) {
  return kLevels.at(static_cast<std::size_t>(level));
}

std::optional<Level> level_named(std::string_view name) {
  const auto* const found = std::find(kLevels.begin(), kLevels.end(), name);
  if (found == kLevels.end()) return std::nullopt;
  return static_cast<Level>(found - kLevels.begin());
}

bool is_on(Level level) {
  return static_cast<int>(level) >= least_level.load(std::memory_order_relaxed);
}

void write(Level level, std::string_view component, std::string_view message, Fields fields) {
  spdlog::logger* const logger = current.load();
  if (logger == nullptr) return;
  const std::string line =
      fmt::format("{:<5} {}", to_string(level), format(component, message, fields));
  logger->log(spdlog_level(level), spdlog::string_view_t{line});
}

std::string format(std::string_view component, std::string_view message, Fields fields) {
  std::string line;
  append_escaped(component, "", line);
  line += ": ";
  append_escaped(message, "", line);
  for (const Field& field : fields) {
    line += ' ';
    append_escaped(field.key, "", line);
    line += '=';
    std::visit(
        [&](const auto& value) {
          if constexpr (std::is_same_v<std::decay_t<decltype(value)>, std::string_view>) {
            append_value(value, line);
          } else {
            fmt::format_to(std::back_inserter(line), "{}", value);
          }
        },
        field.value);
  }
  return line;
}

}  // namespace porter::log
