// SPDX-License-Identifier: Apache-2.0
#include "cli/arguments.hpp"

#include <algorithm>
#include <cstdio>
#include <map>
#include <optional>

#include <CLI/App.hpp>
#include <CLI/Config.hpp>
#include <CLI/Formatter.hpp>

#include "cli/command.hpp"
#include "model/crd.hpp"

namespace porter::cli {
namespace {

const std::map<std::string, Output> kOutputs{
    {"text", Output::Text}, {"json", Output::Json}, {"yaml", Output::Yaml}};

// "{bash,zsh,fish}", as a validator describes itself.
std::vector<std::string> choices_in(std::string_view text) {
  std::vector<std::string> choices;
  if (!text.starts_with('{') || !text.ends_with('}')) return choices;
  text = text.substr(1, text.size() - 2);
  while (!text.empty()) {
    const std::string_view one = text.substr(0, text.find(','));
    choices.emplace_back(one);
    text.remove_prefix(std::min(text.size(), one.size() + 1));
  }
  return choices;
}

Word described(const CLI::Option& option) {
  Word word;
  word.is_positional = !option.nonpositional();
  if (word.is_positional) word.names.push_back(option.get_name(true));
  for (const std::string& name : option.get_snames())
    word.names.push_back("-" + name);
  for (const std::string& name : option.get_lnames())
    word.names.push_back("--" + name);
  if (option.get_items_expected_max() > 0) {
    const std::string type = option.get_type_name();  // "TEXT:{error,warn}"
    const std::size_t colon = type.find(':');
    word.value = type.substr(0, colon);
    if (colon != std::string::npos) word.choices = choices_in(type.substr(colon + 1));
  }
  word.about = option.get_description();
  word.environment = option.get_envname();
  word.otherwise = option.get_default_str();
  word.is_list = option.get_items_expected_max() > 1;
  return word;
}

Command described(const CLI::App& app) {
  Command command{
      .name = app.get_name(), .about = app.get_description(), .words = {}, .commands = {}};
  for (const CLI::Option* option : app.get_options())
    command.words.push_back(described(*option));
  for (const CLI::App* each : app.get_subcommands([](const CLI::App*) { return true; }))
    command.commands.push_back(described(*each));
  return command;
}

class Parser {
 public:
  explicit Parser(std::string_view name)
      : app_{"The load balancer that bare-metal Kubernetes lacks."} {
    app_.name(name == "kubectl-porter" ? "kubectl porter" : "porter");
    app_.require_subcommand(1);
    app_.set_help_all_flag("--help-all", "Help for every command");
    run();
    controller();
    speaker();
    status();
    peers();
    routes();
    pools();
    explain();
    validate();
    migrate();
    crds();
    uninstall();
    version();
    completion();
    manual();
  }

  [[nodiscard]] Said complete(const std::vector<std::string>& words) const {
    (void)std::fputs(completions(described(app_), words).c_str(), stdout);
    return {};
  }

  Arguments parse(int count, const char* const* arguments) {
    try {
      app_.parse(count, arguments);
    } catch (const CLI::ParseError& error) {
      const int status = app_.exit(error);
      return Said{.status = status == 0 ? kGood : kUsage};
    }
    if (said_) return *said_;
    if (run_->parsed()) return run_options_;
    if (controller_->parsed()) return controller_options_;
    if (speaker_->parsed()) return speaker_options_;
    if (validate_->parsed()) return validate_options_;
    if (migrate_->parsed()) return migrate_options_;
    if (uninstall_->parsed()) return uninstall_options_;
    if (query_.verb == QueryOptions::Verb::Routes && received_)
      query_.verb = QueryOptions::Verb::Received;
    if (!query_.prefix.empty() && query_.verb == QueryOptions::Verb::Routes) {
      (void)std::fputs("porter routes: PREFIX goes with --received\n", stderr);
      return Said{.status = kUsage};
    }
    return query_;
  }

 private:
  void run() {
    run_ =
        app_.add_subcommand("run",
                            "Everything in one process without a cluster: manifests in a folder, "
                            "addresses and status under --state");
    run_->add_option("--manifests", run_options_.manifests, "Folder of YAML to follow")
        ->type_name("FOLDER")
        ->required()
        ->envname("PORTER_MANIFESTS");
    run_->add_option("--state", run_options_.state, "Folder for addresses, status and the socket")
        ->type_name("FOLDER")
        ->envname("PORTER_STATE")
        ->capture_default_str();
    run_->add_option("--node", run_options_.node,
                     "Name of the Node this is; without it only BgpPeers without nodeSelector run")
        ->envname("PORTER_NODE");
    run_->add_option("--socket", run_options_.socket,
                     "Socket of the local API (default STATE/porter.sock)")
        ->envname("PORTER_SOCKET");
    run_->add_option(
            "--listen", run_options_.listen,
            "Serve the local API and /metrics on loopback TCP too: 127.0.0.1:PORT or [::1]:PORT")
        ->envname("PORTER_LISTEN");
    metrics_listen(*run_, run_options_.metrics_listen);
    run_->add_option("--load-balancer-class", run_options_.load_balancer_class,
                     "spec.loadBalancerClass that is ours")
        ->envname("PORTER_LOAD_BALANCER_CLASS")
        ->capture_default_str();
    run_->add_option("--secret-namespace", run_options_.secret_namespace,
                     "Namespace of the Secrets that BgpPeers name")
        ->envname("PORTER_SECRET_NAMESPACE")
        ->capture_default_str();
    run_->add_flag("--claim-unclassed", run_options_.claim_unclassed,
                   "Adopt Services of type LoadBalancer without a class")
        ->envname("PORTER_CLAIM_UNCLASSED");
    run_->add_flag("--ignore-exclude-label", run_options_.ignore_exclude_label,
                   "Use nodes labelled exclude-from-external-load-balancers too")
        ->envname("PORTER_IGNORE_EXCLUDE_LABEL");
    run_->add_flag("--metrics-per-service", run_options_.metrics_per_service,
                   "One series per Service in /metrics")
        ->envname("PORTER_METRICS_PER_SERVICE");
    run_->add_option("--log-level", run_options_.log_level, "error, warn, info or debug")
        ->check(CLI::IsMember({"error", "warn", "info", "debug"}))
        ->envname("PORTER_LOG_LEVEL")
        ->capture_default_str();
  }

  static void metrics_listen(CLI::App& command, std::string& option) {
    command
        .add_option("--metrics-listen", option,
                    "Serve /metrics, /healthz and /readyz, and nothing else, over plain HTTP to "
                    "whoever reaches it: ADDRESS:PORT, or :PORT for all addresses")
        ->envname("PORTER_METRICS_LISTEN");
  }

  static void kubeconfig(CLI::App& command, std::string& file, std::string& context) {
    command
        .add_option("--kubeconfig", file,
                    "Kubeconfig file (default: KUBECONFIG, ~/.kube/config, the Pod's own account)")
        ->envname("PORTER_KUBECONFIG");
    command.add_option("--context", context, "Context of the kubeconfig")
        ->envname("PORTER_CONTEXT");
  }

  static void access(CLI::App& command, ClusterOptions& options) {
    kubeconfig(command, options.kubeconfig, options.context);
    command
        .add_option("--namespace", options.ns,
                    "Porter's own namespace: its Lease, and the Secrets that BgpPeers name")
        ->envname("PORTER_NAMESPACE")
        ->capture_default_str();
  }

  static void cluster(CLI::App& command, ClusterOptions& options) {
    access(command, options);
    command
        .add_option("--load-balancer-class", options.load_balancer_class,
                    "spec.loadBalancerClass that is ours")
        ->envname("PORTER_LOAD_BALANCER_CLASS")
        ->capture_default_str();
    command
        .add_flag("--ignore-exclude-label", options.ignore_exclude_label,
                  "Use nodes labelled exclude-from-external-load-balancers too")
        ->envname("PORTER_IGNORE_EXCLUDE_LABEL");
    command.add_option("--log-level", options.log_level, "error, warn, info or debug")
        ->check(CLI::IsMember({"error", "warn", "info", "debug"}))
        ->envname("PORTER_LOG_LEVEL")
        ->capture_default_str();
  }

  void controller() {
    controller_ = app_.add_subcommand(
        "controller",
        "In a cluster: gives Services their addresses; one of several replicas leads");
    cluster(*controller_, controller_options_.cluster);
    controller_
        ->add_option("--identity", controller_options_.identity,
                     "Name in the Lease (default: the host's name and a random part)")
        ->envname("PORTER_IDENTITY");
    controller_
        ->add_option("--listen", controller_options_.listen,
                     "Serve /healthz, /readyz and /metrics on loopback TCP: 127.0.0.1:PORT")
        ->envname("PORTER_LISTEN");
    metrics_listen(*controller_, controller_options_.metrics_listen);
    controller_
        ->add_flag("--claim-unclassed", controller_options_.claim_unclassed,
                   "Adopt Services of type LoadBalancer without a class")
        ->envname("PORTER_CLAIM_UNCLASSED");
    webhooks();
  }

  void webhooks() {
    controller_
        ->add_option("--webhook-listen", controller_options_.webhook_listen,
                     "Serve conversion and admission here, over TLS; \"\": not at all")
        ->envname("PORTER_WEBHOOK_LISTEN")
        ->capture_default_str();
    controller_
        ->add_option("--webhook-service", controller_options_.webhook_service,
                     "Service in Porter's namespace where the API server finds the webhooks; its "
                     "certificate lies in the Secret of that name")
        ->envname("PORTER_WEBHOOK_SERVICE")
        ->capture_default_str();
    controller_
        ->add_option("--webhook-url", controller_options_.webhook_url,
                     "Where the API server finds them when Porter runs outside of the cluster: "
                     "https://HOST:PORT")
        ->check([](const std::string& url) {
          return url.starts_with("https://") && url.size() > 8 ? std::string{}
                                                               : "not https://HOST:PORT";
        })
        ->envname("PORTER_WEBHOOK_URL");
    controller_
        ->add_option("--webhook-certificate-lifetime",
                     controller_options_.webhook_certificate_lifetime,
                     "How long a certificate of Porter's own is valid; a new one takes its place "
                     "after two thirds: 90d, 12h, 30m (at least 30s)")
        ->transform(CLI::AsNumberWithUnit(
            std::map<std::string, std::int64_t>{{"s", 1}, {"m", 60}, {"h", 3'600}, {"d", 86'400}},
            CLI::AsNumberWithUnit::UNIT_REQUIRED))
        ->check(CLI::Range(std::int64_t{30}, std::int64_t{3'650} * 86'400))
        ->type_name("DURATION")
        ->default_str("90d")
        ->envname("PORTER_WEBHOOK_CERTIFICATE_LIFETIME");
  }

  void speaker() {
    speaker_ = app_.add_subcommand(
        "speaker", "In a cluster, on each node: announces the addresses of Services");
    cluster(*speaker_, speaker_options_.cluster);
    speaker_->add_option("--node", speaker_options_.node, "Name of the Node this is")
        ->required()
        ->envname("PORTER_NODE");
    speaker_
        ->add_option("--state", speaker_options_.state,
                     "Folder for the restart file and the socket; outlives a restart")
        ->envname("PORTER_STATE")
        ->capture_default_str();
    speaker_
        ->add_option("--socket", speaker_options_.socket,
                     "Socket of the local API (default STATE/porter.sock)")
        ->envname("PORTER_SOCKET");
    speaker_
        ->add_option("--listen", speaker_options_.listen,
                     "Serve the local API and /metrics on loopback TCP too: 127.0.0.1:PORT")
        ->envname("PORTER_LISTEN");
    metrics_listen(*speaker_, speaker_options_.metrics_listen);
    speaker_
        ->add_flag("--metrics-per-service", speaker_options_.metrics_per_service,
                   "One series per Service in /metrics")
        ->envname("PORTER_METRICS_PER_SERVICE");
    openelb();
  }

  // Manifests written for OpenELB's speaker carry them; what they say is logged at the start.
  void openelb() {
    const auto taken = [this](const char* flag, std::optional<bool>& given, const char* words) {
      // `=false` counts as -1.
      speaker_->add_flag_function(flag, [&given](std::int64_t count) { given = count > 0; }, words);
    };
    taken("--enable-layer2", speaker_options_.enable_layer2,
          "OpenELB's flag: accepted, for its manifests; this release announces by BGP only");
    taken("--enable-keepalived-vip", speaker_options_.enable_keepalived_vip,
          "OpenELB's flag: accepted, for its manifests; Porter has no keepalived");
  }

  CLI::App* query(const char* name, const char* description, QueryOptions::Verb verb) {
    CLI::App* command = app_.add_subcommand(name, description);
    question(*command, verb);
    return command;
  }

  // Whom to ask, and how to print what comes back.
  void question(CLI::App& command, QueryOptions::Verb verb) {
    command.add_option("--socket", query_.socket, "Socket of the porter to ask")
        ->envname("PORTER_SOCKET");
    // No env twins: where a speaker runs, they are its own, and it is what is to be asked there.
    command.add_option(
        "--kubeconfig", query_.kubeconfig,
        "Ask the cluster of this kubeconfig; where no porter runs, that of KUBECONFIG "
        "or ~/.kube/config is asked without being told");
    command.add_option("--context", query_.context, "Ask the cluster of this context");
    command
        .add_option("--load-balancer-class", query_.load_balancer_class,
                    "spec.loadBalancerClass that the cluster's porter-controller takes for its own")
        ->envname("PORTER_LOAD_BALANCER_CLASS")
        ->capture_default_str();
    command
        .add_flag("--claim-unclassed", query_.claim_unclassed,
                  "The cluster's porter-controller adopts Services without a class")
        ->envname("PORTER_CLAIM_UNCLASSED");
    command
        .add_flag("--ignore-exclude-label", query_.ignore_exclude_label,
                  "The cluster's Porter passes over exclude-from-external-load-balancers")
        ->envname("PORTER_IGNORE_EXCLUDE_LABEL");
    command.add_option("-o,--output", query_.output, "text, json or yaml")
        ->transform(
            CLI::CheckedTransformer(kOutputs, CLI::ignore_case).description("{text,json,yaml}"))
        ->type_name("FORMAT");
    command.add_flag("--watch,-w", query_.watch, "Print again whenever it changes");
    command.callback([this, verb] { query_.verb = verb; });
  }

  void status() { query("status", "How things stand, in ten lines", QueryOptions::Verb::Status); }
  void pools() {
    query("pools", "The pools of addresses and how full they are", QueryOptions::Verb::Pools);
  }
  void peers() {
    CLI::App* command = query("peers", "The BGP neighbours; with a name or address: one in detail",
                              QueryOptions::Verb::Peers);
    command->add_option("PEER", query_.peer, "BgpPeer name or neighbour address");
  }
  void routes() {
    CLI::App* command =
        query("routes", "What is announced, or what was received", QueryOptions::Verb::Routes);
    command->add_option("--peer", query_.peer,
                        "What this neighbour is told (or sent us): BgpPeer name or address");
    command->add_flag("--received", received_,
                      "Routes received from the neighbours; counted and shown, never installed");
    command->add_option(
        "PREFIX", query_.prefix,
        "With --received: exit status 0 if an accepted route for it is there, 1 if not");
  }
  void explain() {
    CLI::App* command =
        app_.add_subcommand("explain", "Why a Service has no address, or is not announced");
    command->require_subcommand(1);
    CLI::App* service = command->add_subcommand(
        "service", "The whole chain of one Service; names the first broken link and its fix");
    service->add_option("NS/NAME", query_.service, "The Service")->required();
    question(*service, QueryOptions::Verb::Explain);
  }
  void migrate() {
    migrate_ = app_.add_subcommand(
        "migrate", "Another load balancer's objects as ours, and what to do beside that");
    migrate_->add_option("FROM", migrate_options_.from, "metallb or openelb")
        ->required()
        ->transform(CLI::CheckedTransformer(
                        std::map<std::string, MigrateOptions::From>{
                            {"metallb", MigrateOptions::From::MetalLb},
                            {"openelb", MigrateOptions::From::OpenElb}},
                        CLI::ignore_case)
                        .description("{metallb,openelb}"))
        ->type_name("");
    migrate_->add_option("FILE", migrate_options_.files,
                         "What `kubectl get … -o yaml` printed; none: the cluster is asked");
    kubeconfig(*migrate_, migrate_options_.kubeconfig, migrate_options_.context);
  }

  void validate() {
    validate_ =
        app_.add_subcommand("validate", "All that admission would say about manifests, offline");
    validate_->add_option("FILE", validate_options_.files, "Files or folders")->required();
    validate_->add_flag("--strict", validate_options_.strict, "Warnings are errors");
  }
  void crds() {
    app_.add_subcommand("crds",
                        "The CustomResourceDefinitions of this version, for kubectl apply "
                        "--server-side -f -")
        ->callback([this] {
          for (const model::Crd& crd : model::crds())
            (void)std::printf("---\n%s", crd.yaml.c_str());
          said_ = Said{};
        });
  }
  void uninstall() {
    uninstall_ = app_.add_subcommand(
        "uninstall",
        "Takes everything of Porter's out of a cluster, in the right order; Services stay as they "
        "are");
    access(*uninstall_, uninstall_options_.cluster);
    uninstall_->add_flag("--dry-run", uninstall_options_.dry_run, "Say what would be done");
    uninstall_->add_flag("--yes,-y", uninstall_options_.yes, "Do it");
  }
  void version() {
    app_.add_subcommand("version", "The version of this binary")->callback([this] {
      (void)std::puts("porter " PORTER_VERSION);
      said_ = Said{};
    });
  }
  void manual() {
    app_.add_subcommand("man", "The manual page: porter man | man -l -")->callback([this] {
      (void)std::fputs(manual_page(described(app_), PORTER_VERSION).c_str(), stdout);
      said_ = Said{};
    });
  }
  void completion() {
    CLI::App* command = app_.add_subcommand("completion", "A completion script for the shell");
    command->add_option("SHELL", shell_, "bash, zsh or fish")
        ->required()
        ->check(CLI::IsMember({"bash", "zsh", "fish"}));
    command->callback([this] {
      (void)std::fputs(completion_script(shell_).c_str(), stdout);
      said_ = Said{};
    });
  }

  CLI::App app_;
  CLI::App* run_ = nullptr;
  CLI::App* controller_ = nullptr;
  CLI::App* speaker_ = nullptr;
  CLI::App* validate_ = nullptr;
  CLI::App* migrate_ = nullptr;
  RunOptions run_options_;
  ControllerOptions controller_options_;
  SpeakerOptions speaker_options_;
  QueryOptions query_;
  ValidateOptions validate_options_;
  MigrateOptions migrate_options_;
  CLI::App* uninstall_ = nullptr;
  UninstallOptions uninstall_options_;
  std::string shell_;
  bool received_ = false;
  std::optional<Said> said_;
};

}  // namespace

Arguments parse_arguments(int count, const char* const* arguments) {
  std::string_view name = count > 0 ? arguments[0] : "";
  name.remove_prefix(name.rfind('/') + 1);  // npos + 1 is 0
  // The completion scripts ask so, and kubectl where we are its plugin.
  const bool is_plugin = name == "kubectl_complete-porter";
  if (is_plugin || (count > 1 && std::string_view{arguments[1]} == "__complete"))
    return Parser{name}.complete({arguments + (is_plugin ? 1 : 2), arguments + count});
  return Parser{name}.parse(count, arguments);
}

}  // namespace porter::cli
