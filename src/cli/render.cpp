// SPDX-License-Identifier: Apache-2.0
#include "cli/render.hpp"

#include <charconv>
#include <string_view>

#include <fmt/format.h>

namespace porter::cli {
namespace {

const std::string& text(const Tree& tree, std::string_view path) {
  return tree.at_path(path).text();
}

std::string or_dash(const std::string& words) {
  return words.empty() ? "-" : words;
}

long long number(const Tree& tree, std::string_view path) {
  const std::string& digits = text(tree, path);
  long long value = 0;
  std::from_chars(digits.data(), digits.data() + digits.size(), value);
  return value;
}

std::string joined(const Tree& list, std::string_view separator) {
  std::string out;
  for (const Tree& item : list.items()) {
    if (!out.empty()) out += separator;
    out += item.text();
  }
  return out;
}

std::string age_of(const Tree& tree, std::string_view path) {
  return tree.at_path(path).is_null() ? std::string{"-"} : age(number(tree, path));
}

std::string plural(long long count, std::string_view noun) {
  return fmt::format("{} {}{}", count, noun, count == 1 ? "" : "s");
}

std::string last_error(const Tree& item) {
  if (text(item, "lastError").empty()) return "-";
  if (item["lastErrorSeconds"].is_null()) return text(item, "lastError");
  return text(item, "lastError") + ", " + age_of(item, "lastErrorSeconds") + " ago";
}

std::string process_line(const Tree& answer) {
  const std::string node = text(answer, "node");
  return fmt::format("porter {} {}{} (up {}, follows {})", text(answer, "version"),
                     text(answer, "role"), node.empty() ? "" : " on " + node,
                     age_of(answer, "uptimeSeconds"), plural(number(answer, "follows"), "Service"));
}

std::string cluster_line(const Tree& answer) {
  return fmt::format("{} ({} report, {})", text(answer, "cluster"),
                     plural(number(answer, "speakers"), "speaker"),
                     plural(number(answer, "follows"), "Service"));
}

}  // namespace

std::string render_status(const Tree& answer, Colour colour) {
  const auto& problems = answer["problems"].items();
  std::string head = answer["cluster"].is_null() ? process_line(answer) : cluster_line(answer);
  head.resize(std::max(head.size() + 2, std::size_t{72}), ' ');
  const bool healthy = answer["healthy"].as_bool();
  std::string out = head + (healthy ? std::string{"healthy"} : red("needs a look", colour)) + '\n';
  const auto line = [&](std::string_view name, const std::string& words) {
    out += fmt::format("  {:<12}{}\n", name, words);
  };
  line("addresses", fmt::format("{} of {} used in {}", text(answer, "addresses.used"),
                                text(answer, "addresses.total"),
                                plural(number(answer, "addresses.pools"), "pool")));
  line("services",
       fmt::format("{} ours: {} announced, {} waiting for an address, {} not announced",
                   number(answer, "services.ours"), number(answer, "services.announced"),
                   number(answer, "services.waiting"), number(answer, "services.notAnnounced")));
  const long long configured = number(answer, "peers.configured");
  const long long established = number(answer, "peers.established");
  const std::string peers = fmt::format("{} configured: {} Established", configured, established);
  line("peers", (established < configured ? red(peers, colour) : peers) +
                    fmt::format("; {} sent", text(answer, "peers.prefixesSent") + " prefixes"));
  if (!answer["lastChange"].is_null()) {
    line("last change",
         fmt::format("{} ago: {} ({} ms to the wire)", age_of(answer, "lastChange.secondsAgo"),
                     text(answer, "lastChange.what"), text(answer, "lastChange.milliseconds")));
  }
  for (const Tree& problem : problems) {
    line("problem", red(text(problem, "object"), colour) + ": " + text(problem, "reason") + ": " +
                        text(problem, "message"));
  }
  if (problems.empty()) line("problems", "none");
  return out;
}

std::string render_peers(const Tree& answer, Colour colour) {
  const bool of_cluster = !answer["cluster"].is_null();
  std::vector<std::string> columns{"NEIGHBOR", "REMOTE-AS", "NAME",     "STATE",     "SINCE",
                                   "FAMILIES", "SENT",      "RECEIVED", "LAST ERROR"};
  if (of_cluster) columns.insert(columns.begin(), "NODE");
  Table table{std::move(columns)};
  for (const Tree& item : answer["items"].items()) {
    const bool up = text(item, "state") == "Established";
    const bool runs = item["runs"].as_bool();
    std::vector<Cell> cells{{text(item, "neighbor")},
                            {text(item, "remoteAs")},
                            {text(item, "name")},
                            {runs ? text(item, "state") : text(item, "reason"), !up},
                            {age_of(item, "sinceSeconds")},
                            {joined(item["families"], ",")},
                            {text(item, "sent.total")},
                            {text(item, "received.total")},
                            {runs ? last_error(item) : text(item, "message")}};
    if (of_cluster) cells.insert(cells.begin(), Cell{or_dash(text(item, "node"))});
    table.add(std::move(cells));
  }
  return table.print(colour);
}

std::string render_peer(const Tree& item, Colour colour) {
  std::string out = fmt::format("neighbor {} (BgpPeer {}), AS {}", text(item, "neighbor"),
                                text(item, "name"), text(item, "remoteAs"));
  if (!text(item, "routerId").empty()) out += ", router id " + text(item, "routerId");
  if (!text(item, "local").empty()) {
    out += fmt::format(", {} {} to {}", text(item, "direction") == "Inbound" ? "on" : "from",
                       text(item, "local"), text(item, "remote"));
  }
  out += '\n';
  const auto line = [&](std::string_view name, const std::string& words) {
    out += fmt::format("  {:<13} {}\n", name, words);
  };
  if (!item["runs"].as_bool()) {
    line("state", red(text(item, "reason"), colour) + ": " + text(item, "message"));
    if (!text(item, "fix").empty()) line("fix", text(item, "fix"));
    return out;
  }
  const std::string state = text(item, "state");
  line("state",
       fmt::format("{} for {}, {}; last: {}", state == "Established" ? state : red(state, colour),
                   age_of(item, "sinceSeconds"), plural(number(item, "flaps"), "flap"),
                   last_error(item)));
  if (!item["capabilities"].is_null()) {
    const auto list = [&](std::string_view key) {
      return or_dash(joined(item["capabilities"][key], ", "));
    };
    line("capabilities", fmt::format("both: {}; only ours: {}; only theirs: {}", list("both"),
                                     list("ours"), list("theirs")));
    line("timers", fmt::format("hold {} s (ours {}, theirs {})", text(item, "timers.hold"),
                               text(item, "timers.ours"), text(item, "timers.theirs")));
  }
  line("routes", fmt::format("{} sent (v4 {}, v6 {}), {}; {} received, {} accepted",
                             text(item, "sent.total"), text(item, "sent.v4"), text(item, "sent.v6"),
                             item["caughtUp"].as_bool() ? "nothing pending" : "more pending",
                             text(item, "received.total"), text(item, "received.accepted")));
  line("messages",
       fmt::format("sent {} UPDATE, {} KEEPALIVE; received {} UPDATE, {} KEEPALIVE",
                   text(item, "messages.sent.update"), text(item, "messages.sent.keepalive"),
                   text(item, "messages.received.update"),
                   text(item, "messages.received.keepalive")));
  for (const char* way : {"sent", "received"}) {
    const Tree& notification = item["notifications"][way];
    if (notification.is_null()) continue;
    line("notification", fmt::format("{} {} ago: {}", way, age_of(notification, "secondsAgo"),
                                     text(notification, "text")));
  }
  if (number(item, "errors.treatedAsWithdraw") + number(item, "errors.attributesDiscarded") > 0) {
    line("errors",
         fmt::format("{} treated as withdraw, {} with attributes discarded (RFC 7606); last: {}",
                     plural(number(item, "errors.treatedAsWithdraw"), "UPDATE"),
                     number(item, "errors.attributesDiscarded"), text(item, "errors.last")));
  }
  if (!text(item, "message").empty() && state != "Established") line("why", text(item, "message"));
  if (!text(item, "fix").empty() && state != "Established") line("fix", text(item, "fix"));
  return out;
}

std::string render_routes(const Tree& answer, Colour colour) {
  Table table{{"PREFIX", "NEXT-HOPS", "PATHS", "COMMUNITIES", "MED", "SERVICES"}};
  for (const Tree& item : answer["items"].items()) {
    table.add({{text(item, "prefix")},
               {joined(item["nextHops"], " ")},
               {text(item, "paths")},
               {joined(item["communities"], " ")},
               {text(item, "med")},
               {joined(item["services"], " ")}});
  }
  std::string out = table.print(colour);
  if (answer["truncated"].as_bool()) out += "more routes are not shown: use -o json\n";
  return out;
}

std::string render_received(const Tree& answer, Colour colour) {
  Table table{{"PEER", "PREFIX", "PATH-ID", "NEXT-HOP", "AS-PATH", "ACCEPTED"}};
  for (const Tree& item : answer["items"].items()) {
    const bool accepted = item["accepted"].as_bool();
    table.add({{text(item, "peer")},
               {text(item, "prefix")},
               {text(item, "pathId")},
               {text(item, "nextHop")},
               {text(item, "asPath")},
               {accepted ? (item["stale"].as_bool() ? "yes (stale)" : "yes") : "no", !accepted}});
  }
  std::string out = table.print(colour);
  if (answer["truncated"].as_bool())
    out += "more routes are not shown: use -o json, --peer, or a PREFIX\n";
  return out;
}

std::string render_pools(const Tree& answer, Colour colour) {
  Table table{
      {"EIP", "PROTOCOL", "RANGE", "USED", "TOTAL", "FREE", "NAMESPACES", "DEFAULT", "CONDITIONS"}};
  for (const Tree& item : answer["items"].items()) {
    table.add({{text(item, "eip")},
               {text(item, "protocol")},
               {joined(item["ranges"], " ")},
               {text(item, "used")},
               {text(item, "total")},
               {text(item, "free"), text(item, "free") == "0"},
               {or_dash(joined(item["namespaces"], ","))},
               {item["default"].as_bool() ? "yes" : "-"},
               {joined(item["conditions"], ", ")}});
  }
  return table.print(colour);
}

}  // namespace porter::cli
