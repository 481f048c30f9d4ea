// SPDX-License-Identifier: Apache-2.0
#include "watch/api_status.hpp"

#include <charconv>
#include <cstdint>
#include <utility>

#include <fmt/format.h>

#include "watch/item_stream.hpp"

namespace porter::watch {
namespace {

constexpr int kGone = 410;
constexpr std::size_t kLongestMessage = 500;
constexpr std::uint32_t kMostSeconds = 86'400;

std::optional<std::uint32_t> number(std::string_view text) {
  std::uint32_t value = 0;
  const char* const last = text.data() + text.size();
  const auto [end, error] = std::from_chars(text.data(), last, value);
  if (error != std::errc{} || end != last || value > kMostSeconds) return std::nullopt;
  return value;
}

// One line, of bounded length: it goes into logs and conditions.
std::string one_line(std::string_view text) {
  std::string line{text.substr(0, kLongestMessage)};
  for (char& c : line) {
    if (static_cast<unsigned char>(c) < ' ') c = ' ';
  }
  if (line.size() < text.size()) line += "...";
  while (line.ends_with(' '))
    line.pop_back();
  return line;
}

}  // namespace

bool ApiStatus::is_expired() const {
  return code == kGone || reason == "Expired" || reason == "Gone";
}

ApiStatus status_from(const Tree& object) {
  ApiStatus status;
  status.code = static_cast<int>(number(object["code"].text()).value_or(0));
  status.reason = one_line(object["reason"].text());
  status.message = one_line(object["message"].text());
  if (status.message.empty()) status.message = "no reason was given";
  if (const auto seconds = number(object.at_path("details.retryAfterSeconds").text()))
    status.retry_after = std::chrono::seconds{*seconds};
  return status;
}

ApiStatus read_status(int code, std::string_view retry_after, std::string_view body) {
  ApiStatus status;
  const Result<Tree> tree = parse_json(body);
  if (tree && (*tree)["kind"].text() == "Status") {
    status = status_from(*tree);
  } else {
    status.message = one_line(body);  // proxies answer in words of their own
    if (status.message.empty()) status.message = "no reason was given";
  }
  status.code = code;
  if (const auto seconds = number(retry_after)) status.retry_after = std::chrono::seconds{*seconds};
  return status;
}

}  // namespace porter::watch
