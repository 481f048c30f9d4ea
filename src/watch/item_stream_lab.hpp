// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "watch/item_stream.hpp"

// For tests: bodies as an API server writes them, and what an ItemStream makes of one.
namespace porter::watch::lab {

struct Outcome {
  std::vector<Item> items;
  std::string error;  // of next() or finish(); empty: none
  friend bool operator==(const Outcome&, const Outcome&) = default;
};

// `chunk`: octets offered at a time.
inline Outcome read(const ItemStream::Config& config, std::string_view body,
                    std::size_t chunk = static_cast<std::size_t>(-1)) {
  Outcome outcome;
  ItemStream stream{config};
  while (outcome.error.empty() && !body.empty()) {
    const std::string_view head = body.substr(0, chunk);
    body.remove_prefix(head.size());
    stream.offer(head);
    for (;;) {
      Result<std::optional<Item>> item = stream.next();
      if (!item) outcome.error = item.error().message;
      if (!item || !*item) break;
      outcome.items.push_back(*std::move(*item));
    }
  }
  const Result<void> end = stream.finish();
  if (!end && outcome.error.empty()) outcome.error = end.error().message;
  return outcome;
}

inline std::string list_body(const std::vector<Tree>& objects) {
  std::string body = R"({"kind":"ServiceList","apiVersion":"v1","items":[)";
  for (const Tree& object : objects) {
    if (body.back() != '[') body += ',';
    body += to_json(object, 0);
  }
  return body + R"(],"metadata":{"resourceVersion":"7"}})";
}

inline std::string watch_body(const std::vector<Tree>& objects) {
  std::string body;
  for (const Tree& object : objects)
    body += R"({"type":"MODIFIED","object":)" + to_json(object, 0) + "}\n";
  return body;
}

}  // namespace porter::watch::lab
