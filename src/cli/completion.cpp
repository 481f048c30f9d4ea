// SPDX-License-Identifier: Apache-2.0
#include "cli/completion.hpp"

#include <array>

namespace porter::cli {
namespace {

struct Command {
  std::string_view name;
  std::string_view about;
  std::string_view words;  // its options
};

constexpr std::array kCommands{
    Command{"run", "everything in one process, without a cluster",
            "--manifests --state --node --socket --listen --load-balancer-class --secret-namespace "
            "--claim-unclassed --ignore-exclude-label --metrics-per-service --log-level --help"},
    Command{"controller", "in a cluster: gives Services their addresses",
            "--kubeconfig --context --namespace --identity --listen --load-balancer-class "
            "--claim-unclassed --ignore-exclude-label --log-level --help"},
    Command{
        "speaker", "in a cluster: announces them from a node",
        "--kubeconfig --context --namespace --node --state --socket --listen "
        "--load-balancer-class --ignore-exclude-label --metrics-per-service --log-level --help"},
    Command{"status", "how things stand",
            "--socket --kubeconfig --context --load-balancer-class --output --watch --help"},
    Command{"peers", "the BGP neighbours",
            "--socket --kubeconfig --context --load-balancer-class --output --watch --help"},
    Command{"routes", "what is announced or was received",
            "--peer --received --socket --kubeconfig --context --load-balancer-class --output "
            "--watch --help"},
    Command{"pools", "the pools of addresses",
            "--socket --kubeconfig --context --load-balancer-class --output --watch --help"},
    Command{
        "explain", "why a Service has no address or is not announced",
        "service --socket --kubeconfig --context --load-balancer-class --output --watch --help"},
    Command{"migrate", "another load balancer's objects as ours", "metallb openelb --help"},
    Command{"validate", "what admission would say, offline", "--strict --help"},
    Command{"crds", "the CustomResourceDefinitions", "--help"},
    Command{"uninstall", "takes everything of ours out of a cluster",
            "--kubeconfig --context --namespace --dry-run --yes --help"},
    Command{"completion", "this script", "bash zsh fish"},
    Command{"version", "the version", "--help"},
};

std::string names() {
  std::string out;
  for (const Command& command : kCommands) {
    if (!out.empty()) out += ' ';
    out += command.name;
  }
  return out;
}

std::string bash() {
  std::string out =
      "# bash completion for porter: source it, or put it into bash-completion's completions "
      "folder\n"
      "_porter() {\n"
      "  local cur=${COMP_WORDS[COMP_CWORD]} words=\n"
      "  if [ \"$COMP_CWORD\" -eq 1 ]; then words='" +
      names() +
      "'\n"
      "  else case ${COMP_WORDS[1]} in\n";
  for (const Command& command : kCommands) {
    out += "    " + std::string{command.name} + ") words='" + std::string{command.words} + "' ;;\n";
  }
  out +=
      "  esac; fi\n"
      "  case $cur in -*|'') COMPREPLY=($(compgen -W \"$words\" -- \"$cur\")) ;;\n"
      "  *) COMPREPLY=($(compgen -W \"$words\" -- \"$cur\") $(compgen -f -- \"$cur\")) ;; esac\n"
      "}\n"
      "complete -F _porter porter\n";
  return out;
}

std::string zsh() {
  std::string out =
      "#compdef porter\n"
      "_porter() {\n"
      "  if (( CURRENT == 2 )); then\n"
      "    local -a commands=(\n";
  for (const Command& command : kCommands) {
    out += "      '" + std::string{command.name} + ':' + std::string{command.about} + "'\n";
  }
  out += "    )\n    _describe command commands\n    return\n  fi\n  case $words[2] in\n";
  for (const Command& command : kCommands) {
    out +=
        "    " + std::string{command.name} + ") compadd -- " + std::string{command.words} + " ;;\n";
  }
  out += "  esac\n  _files\n}\n_porter \"$@\"\n";
  return out;
}

std::string fish() {
  std::string out = "complete -c porter -n __fish_use_subcommand -f\n";
  for (const Command& command : kCommands) {
    const std::string name{command.name};
    out += "complete -c porter -n __fish_use_subcommand -f -a " + name + " -d '" +
           std::string{command.about} + "'\n";
    out += "complete -c porter -n '__fish_seen_subcommand_from " + name + "' -a '" +
           std::string{command.words} + "'\n";
  }
  return out;
}

}  // namespace

std::string completion_script(std::string_view shell) {
  if (shell == "bash") return bash();
  if (shell == "zsh") return zsh();
  if (shell == "fish") return fish();
  return {};
}

}  // namespace porter::cli
