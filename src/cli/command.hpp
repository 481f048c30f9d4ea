// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <string_view>
#include <vector>

// What the parser takes, as data: completion and the manual page are made of it.
namespace porter::cli {

struct Word {                      // an option, a flag or a positional argument
  std::vector<std::string> names;  // "-o", "--output"; of a positional one: "PEER"
  std::string value;               // "FORMAT", "FILE"; empty: a flag
  std::vector<std::string> choices;
  std::string about;
  std::string environment;  // the variable that stands for it
  std::string otherwise;    // the default
  bool is_positional = false;
  bool is_list = false;
};

struct Command {
  std::string name;
  std::string about;
  std::vector<Word> words;
  std::vector<Command> commands;
};

// What may come in the place of the last word, one "candidate<TAB>what it is" a line, then ":0"
// where files may come too, ":4" where not: cobra's protocol, by which kubectl asks its plugins.
[[nodiscard]] std::string completions(const Command& root, const std::vector<std::string>& words);

// The script that makes the shell ask `porter __complete`: "bash", "zsh" or "fish".
[[nodiscard]] std::string completion_script(std::string_view shell);

// porter(8), as man(1) reads it.
[[nodiscard]] std::string manual_page(const Command& root, std::string_view version);

}  // namespace porter::cli
