// SPDX-License-Identifier: Apache-2.0
#include <variant>

#include "app/controller.hpp"
#include "app/run.hpp"
#include "app/speaker.hpp"
#include "app/uninstall.hpp"
#include "cli/query.hpp"

namespace {

struct Dispatch {
  int operator()(const porter::cli::RunOptions& options) const { return porter::app::run(options); }
  int operator()(const porter::cli::ControllerOptions& options) const {
    return porter::app::run_controller(options);
  }
  int operator()(const porter::cli::SpeakerOptions& options) const {
    return porter::app::run_speaker(options);
  }
  int operator()(const porter::cli::UninstallOptions& options) const {
    return porter::app::run_uninstall(options);
  }
  int operator()(const porter::cli::QueryOptions& options) const {
    return porter::cli::run_query(options);
  }
  int operator()(const porter::cli::ValidateOptions& options) const {
    return porter::cli::run_validate(options);
  }
  int operator()(const porter::cli::MigrateOptions& options) const {
    return porter::cli::run_migrate(options);
  }
  int operator()(const porter::cli::Said& said) const { return said.status; }
};

}  // namespace

int main(int count, char** arguments) {
  return std::visit(Dispatch{}, porter::cli::parse_arguments(count, arguments));
}
