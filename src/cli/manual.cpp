// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>
#include <fmt/ranges.h>

#include "cli/command.hpp"

namespace porter::cli {
namespace {

// man(7): a backslash, a hyphen that is typed, and a line that begins like a request.
std::string escaped(std::string_view text) {
  std::string out;
  if (text.starts_with('.') || text.starts_with('\'')) out += "\\&";
  for (const char letter : text) {
    if (letter == '\\') {
      out += "\\e";
    } else if (letter == '-') {
      out += "\\-";
    } else {
      out += letter;
    }
  }
  return out;
}

std::string sentence(const std::string& text) {
  return escaped(text) + (text.ends_with('.') ? "" : ".");
}

void add_word(std::string& page, const Word& word) {
  const std::string names = fmt::format("{}", fmt::join(word.names, ", "));
  if (word.is_positional) {
    page += fmt::format(".TP\n.I {}{}\n", escaped(names), word.is_list ? " ..." : "");
  } else if (word.value.empty()) {
    page += fmt::format(".TP\n.B {}\n", escaped(names));
  } else {
    page += fmt::format(".TP\n.BI \"{} \" {}\n", escaped(names), escaped(word.value));
  }
  page += sentence(word.about) + "\n";
  if (!word.choices.empty())
    page += fmt::format("One of {}.\n", escaped(fmt::format("{}", fmt::join(word.choices, ", "))));
  if (!word.otherwise.empty()) page += fmt::format("Default: {}.\n", escaped(word.otherwise));
  if (!word.environment.empty())
    page += fmt::format("Or variable\n.BR {} .\n", escaped(word.environment));
}

void add_command(std::string& page, const Command& command, const std::string& before) {
  const std::string name = before + command.name;
  page += fmt::format(".SS {}", escaped(name));
  for (const Word& word : command.words) {
    if (word.is_positional)
      page += fmt::format(" {}{}", escaped(word.names.front()), word.is_list ? "..." : "");
  }
  page += fmt::format("\n{}\n", sentence(command.about));
  for (const Word& word : command.words)
    add_word(page, word);
  for (const Command& each : command.commands)
    add_command(page, each, name + " ");
}

}  // namespace

std::string manual_page(const Command& root, std::string_view version) {
  std::string page = fmt::format(
      ".TH PORTER 8 \"\" \"porter {}\" \"Porter\"\n"
      ".SH NAME\n"
      "porter \\- the load balancer that bare\\-metal Kubernetes lacks\n"
      ".SH SYNOPSIS\n"
      ".B porter\n"
      ".I COMMAND\n"
      "[options]\n"
      ".SH DESCRIPTION\n"
      "Porter gives Services of type LoadBalancer an address and announces it over BGP to the\n"
      "routers of the network, which spread the traffic over the nodes. It is configured by\n"
      "Eip, BgpConf, BgpPeer and BgpAdvertisement objects.\n"
      ".B porter run\n"
      "takes them from a folder; in a cluster\n"
      ".B porter controller\n"
      "chooses addresses and\n"
      ".B porter speaker\n"
      "announces them from each node. The other commands ask a running porter, or a cluster.\n"
      ".SH COMMANDS\n",
      escaped(version));
  for (const Command& command : root.commands)
    add_command(page, command, "porter ");
  page +=
      ".SH EXIT STATUS\n"
      "0: good. 1: the answer is no. 2: usage. 3: what was asked cannot be reached.\n"
      ".SH FILES\n"
      ".TP\n.I /run/porter/porter.sock\n"
      "Socket of a speaker's local API.\n"
      ".TP\n.I /var/lib/porter/porter.sock\n"
      "The same of\n.BR \"porter run\" .\n"
      ".SH SEE ALSO\n"
      ".BR kubectl (1),\n.BR bird (8)\n";
  return page;
}

}  // namespace porter::cli
