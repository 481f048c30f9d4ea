// SPDX-License-Identifier: Apache-2.0
#include "watch/list_watch_words.hpp"

#include <algorithm>

#include <fmt/format.h>

namespace porter::watch {
namespace {

bool is_number(std::string_view text) {
  return !text.empty() && text.find_first_not_of("0123456789") == std::string_view::npos;
}

std::string_view without_zeros(std::string_view text) {
  return text.substr(std::min(text.find_first_not_of('0'), text.size()));
}

// RFC 3986 §2.3: what may stand as it is.
std::string encoded(std::string_view text) {
  std::string out;
  for (const char c : text) {
    const bool is_unreserved = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
                               (c >= '0' && c <= '9') || c == '-' || c == '.' || c == '_' ||
                               c == '~';
    if (is_unreserved) {
      out += c;
    } else {
      out += fmt::format("%{:02X}", static_cast<unsigned char>(c));
    }
  }
  return out;
}

}  // namespace

bool is_older_version(std::string_view left, std::string_view right) {
  if (!is_number(left) || !is_number(right)) return false;
  left = without_zeros(left);
  right = without_zeros(right);
  return left.size() != right.size() ? left.size() < right.size() : left < right;
}

// Unknown to the version (400), forbidden by its validation while the feature gate is off (422), or
// an error within the stream that names what etcd lacks.
bool refuses_watch_list(const ApiStatus& status) {
  if (status.code == 400 || status.code == 405 || status.code == 422 || status.code == 501)
    return true;
  const auto names = [&](std::string_view word) {
    return status.message.find(word) != std::string::npos;
  };
  return names("RequestWatchProgress") || names("sendInitialEvents") || names("WatchList");
}

Trouble::Cause cause_of(const ApiStatus& status) {
  switch (status.code) {
    case 401:
    case 403: return Trouble::Cause::Denied;
    case 404: return Trouble::Cause::NotServed;
    default: return Trouble::Cause::Refused;
  }
}

std::string words_of(const ApiStatus& status) {
  const std::string_view gap = status.reason.empty() ? "" : " ";
  return fmt::format("{}{}{}: {}", status.code, gap, status.reason, status.message);
}

Trouble trouble_of(Trouble::Cause cause, std::string_view verb, std::string_view resource,
                   std::string_view why) {
  return {.cause = cause,
          .verb = std::string{verb},
          .text = fmt::format("cannot {} {}: {}", verb, resource, why)};
}

Trouble too_many(std::string_view verb, std::string_view resource, std::size_t most) {
  return trouble_of(Trouble::Cause::TooMany, verb, resource,
                    fmt::format("there are more than {} of them; the rest is not looked at", most));
}

std::string query_of(const List& list) {
  std::string query;
  if (list.limit > 0) query = fmt::format("limit={}", list.limit);
  if (list.continue_token.empty()) return query;
  return fmt::format("{}{}continue={}", query, query.empty() ? "" : "&",
                     encoded(list.continue_token));
}

std::string query_of(const Watch& watch) {
  const std::string common =
      fmt::format("watch=true&allowWatchBookmarks=true&timeoutSeconds={}", watch.timeout.count());
  if (watch.begin == Watch::Begin::HereOn)
    return fmt::format("{}&resourceVersion={}", common, encoded(watch.resource_version));
  return common + "&sendInitialEvents=true&resourceVersionMatch=NotOlderThan";
}

}  // namespace porter::watch
