// SPDX-License-Identifier: Apache-2.0
#include "cli/query.hpp"

#include <chrono>
#include <cstdio>
#include <string>
#include <thread>

#include "cli/client.hpp"
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

std::string rendered(const QueryOptions& options, const Tree& answer, Colour colour) {
  switch (options.verb) {
    case Verb::Status: return render_status(answer, colour);
    case Verb::Peers:
      return options.peer.empty() ? render_peers(answer, colour)
                                  : render_peer(answer["items"].items().front(), colour);
    case Verb::Routes: return render_routes(answer, colour);
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

Result<Printed> ask(const QueryOptions& options, const std::string& socket, Colour colour) {
  Result<Answer> answer = get(socket, target_of(options));
  if (!answer) return Failure<>{std::move(answer.error())};
  if (answer->status == 404) return Printed{.status = kNo, .text = answer->body};
  if (answer->status != 200) return Printed{.status = kUsage, .text = answer->body};
  Result<Tree> tree = parse_json(answer->body);
  if (!tree) return Failure<>{std::move(tree.error()).within(socket)};
  Printed printed{.status = verdict(options, *tree), .text = {}};
  switch (options.output) {
    case Output::Json: printed.text = to_json(*tree) + '\n'; break;
    case Output::Yaml: printed.text = to_yaml(*tree); break;
    case Output::Text: printed.text = rendered(options, *tree, colour); break;
  }
  return printed;
}

}  // namespace

int run_query(const QueryOptions& options) {
  const Colour colour = colour_of_stdout();
  std::string shown;
  for (;;) {
    const Result<std::string> socket = find_socket(options.socket);
    if (!socket) {
      (void)std::fprintf(stderr, "porter: %s\n", socket.error().message.c_str());
      return kCannotReach;
    }
    const Result<Printed> printed = ask(options, *socket, colour);
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
    std::this_thread::sleep_for(std::chrono::seconds{1});
  }
}

}  // namespace porter::cli
