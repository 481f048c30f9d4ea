// SPDX-License-Identifier: Apache-2.0
#include <algorithm>

#include "cli/command.hpp"

namespace porter::cli {
namespace {

constexpr std::string_view kBash = R"(# bash completion for porter: source it, or put it into
# bash-completion's completions folder as "porter"
_porter() {
  local IFS=$'\n' cur=${COMP_WORDS[COMP_CWORD]} out
  out=$("${COMP_WORDS[0]}" __complete "${COMP_WORDS[@]:1:COMP_CWORD}" 2>/dev/null) || return
  COMPREPLY=($(cut -f1 <<<"${out%:*}"))
  if [ "${out##*:}" = 0 ]; then COMPREPLY+=($(compgen -f -- "$cur")); fi
}
complete -o filenames -F _porter porter
)";

constexpr std::string_view kZsh = R"(#compdef porter
_porter() {
  local out=$("${words[1]}" __complete "${(@)words[2,CURRENT]}" 2>/dev/null)
  local -a found=(${(f)out})
  local files=$found[-1]
  found=(${${found[1,-2]}/:/\\:})
  found=(${found/$'\t'/:})
  (( $#found )) && _describe porter found
  if [[ $files == :0 ]]; then _files; fi
}
_porter "$@"
)";

constexpr std::string_view kFish = R"(function __porter_complete
  set -l words (commandline -opc) (commandline -ct)
  set -l found ($words[1] __complete $words[2..-1] 2>/dev/null)
  test (count $found) -gt 0; or return
  test $found[-1] = :0; and __fish_complete_path (commandline -ct)
  string match -v -r '^:' -- $found
end
complete -c porter -f -a '(__porter_complete)'
)";

const Word* named(const Command& command, std::string_view name) {
  const auto found = std::ranges::find_if(command.words, [&](const Word& word) {
    return !word.is_positional && std::ranges::find(word.names, name) != word.names.end();
  });
  return found == command.words.end() ? nullptr : &*found;
}

// Of the positional arguments the one that comes after `count`; the last one may be a list.
const Word* positional(const Command& command, std::size_t count) {
  const Word* last = nullptr;
  for (const Word& word : command.words) {
    if (!word.is_positional) continue;
    last = &word;
    if (count-- == 0) return last;
  }
  return last != nullptr && last->is_list ? last : nullptr;
}

class Answer {
 public:
  explicit Answer(std::string_view begun) : begun_{begun} {}

  void offer(std::string_view candidate, std::string_view about) {
    if (!candidate.starts_with(begun_)) return;
    text_.append(candidate);
    if (!about.empty()) text_.append("\t").append(about);
    text_ += '\n';
  }
  void offer_values(const Word& word) {
    for (const std::string& choice : word.choices)
      offer(choice, {});
    files_ = files_ || word.value == "FILE" || word.value == "FOLDER" || word.names[0] == "FILE";
  }
  [[nodiscard]] std::string text() && { return std::move(text_) + (files_ ? ":0\n" : ":4\n"); }

 private:
  std::string_view begun_;
  std::string text_;
  bool files_ = false;
};

// Where the words before the last one lead.
struct Place {
  const Command* command = nullptr;
  const Word* wanted = nullptr;  // its value comes next
  std::size_t count = 0;         // positional arguments so far
};

Place place_behind(const Command& root, const std::vector<std::string>& words) {
  Place place{.command = &root};
  for (std::size_t i = 0; i + 1 < words.size(); ++i) {
    const std::string& word = words[i];
    if (place.wanted != nullptr) {
      place.wanted = nullptr;
    } else if (word.starts_with('-')) {
      const Word* const option = named(*place.command, word);
      if (option != nullptr && !option->value.empty()) place.wanted = option;
    } else {
      const auto next = std::ranges::find(place.command->commands, word, &Command::name);
      if (next == place.command->commands.end()) {
        ++place.count;
      } else {
        place = Place{.command = &*next};
      }
    }
  }
  return place;
}

}  // namespace

std::string completions(const Command& root, const std::vector<std::string>& words) {
  const std::string begun = words.empty() ? std::string{} : words.back();
  Answer answer{begun};
  const Place place = place_behind(root, words);
  if (place.wanted != nullptr) {
    answer.offer_values(*place.wanted);
  } else if (begun.starts_with('-')) {
    for (const Word& word : place.command->words) {
      if (!word.is_positional) answer.offer(word.names.back(), word.about);
    }
  } else {
    for (const Command& each : place.command->commands)
      answer.offer(each.name, each.about);
    if (const Word* const next = positional(*place.command, place.count))
      answer.offer_values(*next);
  }
  return std::move(answer).text();
}

std::string completion_script(std::string_view shell) {
  if (shell == "bash") return std::string{kBash};
  if (shell == "zsh") return std::string{kZsh};
  if (shell == "fish") return std::string{kFish};
  return {};
}

}  // namespace porter::cli
