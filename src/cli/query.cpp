// SPDX-License-Identifier: Apache-2.0
#include "cli/query.hpp"

#include <chrono>
#include <cstdio>
#include <string>
#include <thread>

#include "cli/client.hpp"
#include "cli/cluster_query.hpp"
#include "cli/render.hpp"

namespace porter::cli {
namespace {

using Verb = QueryOptions::Verb;

struct Printed {
  int status = kGood;
  std::string text;
};

std::string target_of(const QueryOptions& options) {
  const std::string peer = percent_encoded(options.peer);
  switch (options.verb) {
    case Verb::Status: return "/v1/status";
    case Verb::Peers: return "/v1/peers?peer=" + peer;
    case Verb::Routes: return "/v1/routes?peer=" + peer;
    case Verb::Received:
      return "/v1/received?peer=" + peer + "&prefix=" + percent_encoded(options.prefix);
    case Verb::Pools: return "/v1/pools";
    case Verb::Explain:
      return "/v1/explain?service=" + percent_encoded(options.service) +
             (options.output == Output::Text ? "&output=text" : "");
  }
  return "/";
}

// A cluster's answer to a question about one neighbour is a table too: a line for each node.
std::string rendered(const QueryOptions& options, const Tree& answer, Colour colour) {
  const bool of_cluster = !answer["cluster"].is_null();
  const std::string note =
      answer["note"].is_null() ? std::string{} : "note: " + answer["note"].text() + '\n';
  const bool is_counts = of_cluster && (!options.peer.empty() || options.verb == Verb::Received);
  if (is_counts) return render_peers(answer, colour) + note;
  switch (options.verb) {
    case Verb::Status: return render_status(answer, colour);
    case Verb::Peers:
      return options.peer.empty() ? render_peers(answer, colour)
                                  : render_peer(answer["items"].items().front(), colour);
    case Verb::Routes: return render_routes(answer, colour) + note;
    case Verb::Received: return render_received(answer, colour);
    case Verb::Pools: return render_pools(answer, colour);
    case Verb::Explain: return answer["text"].text();  // the server's words
  }
  return {};
}

// What the answer means for the exit status: a prefix that is not there, a Service with a broken
// link.
int verdict(const QueryOptions& options, const Tree& answer) {
  if (options.verb == Verb::Received && !options.prefix.empty()) {
    return answer["holds"].as_bool() ? kGood : kNo;
  }
  if (options.verb == Verb::Explain) return answer["announced"].as_bool() ? kGood : kNo;
  return kGood;
}

Printed printed(const QueryOptions& options, const Tree& answer, Colour colour) {
  Printed printed{.status = verdict(options, answer), .text = {}};
  switch (options.output) {
    case Output::Json: printed.text = to_json(answer) + '\n'; break;
    case Output::Yaml: printed.text = to_yaml(answer); break;
    case Output::Text: printed.text = rendered(options, answer, colour); break;
  }
  return printed;
}

Result<Printed> ask_socket(const QueryOptions& options, const std::string& socket, Colour colour) {
  Result<Answer> answer = get(socket, target_of(options));
  if (!answer) return Failure<>{std::move(answer.error())};
  if (answer->status == 404) return Printed{.status = kNo, .text = answer->body};
  if (answer->status != 200) return Printed{.status = kUsage, .text = answer->body};
  Result<Tree> tree = parse_json(answer->body);
  if (!tree) return Failure<>{std::move(tree.error()).within(socket)};
  return printed(options, *tree, colour);
}

Result<Printed> ask_api(const QueryOptions& options, Colour colour) {
  Result<Tree> answer = ask_cluster(options);
  if (answer) return printed(options, *answer, colour);
  const Errc code = answer.error().code;
  if (code != Errc::NotFound && code != Errc::Invalid) return Failure<>{std::move(answer.error())};
  return Printed{.status = code == Errc::NotFound ? kNo : kUsage,
                 .text = "porter: " + answer.error().message + '\n'};
}

constexpr std::chrono::seconds kEachSecond{1};
constexpr std::chrono::seconds kForACluster{5};  // whose API server lists everything each time

// A cluster that is named; else the porter that runs here; else a cluster that can be found.
// `again`: when --watch asks once more.
Result<Printed> ask(const QueryOptions& options, Colour colour, std::chrono::seconds& again) {
  again = kForACluster;
  if (!options.kubeconfig.empty() || !options.context.empty()) return ask_api(options, colour);
  const Result<std::string> socket = find_socket(options.socket);
  if (!socket && has_cluster(options)) return ask_api(options, colour);
  if (!socket) return Failure<>{socket.error()};
  again = kEachSecond;
  return ask_socket(options, *socket, colour);
}

}  // namespace

int run_query(const QueryOptions& options) {
  const Colour colour = colour_of_stdout();
  std::string shown;
  for (;;) {
    std::chrono::seconds again{};
    const Result<Printed> printed = ask(options, colour, again);
    if (!printed && !options.watch) {
      (void)std::fprintf(stderr, "porter: %s\n", printed.error().message.c_str());
      return kCannotReach;
    }
    const std::string text = printed ? printed->text : "porter: " + printed.error().message + '\n';
    if (text != shown) {
      if (options.watch && colour == Colour::Always) (void)std::fputs("\x1b[H\x1b[2J", stdout);
      (void)std::fputs(text.c_str(), stdout);
      (void)std::fflush(stdout);
      shown = text;
    }
    if (!options.watch) return printed->status;
    std::this_thread::sleep_for(again);
  }
}

}  // namespace porter::cli
