// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/tree.hpp"
#include "kube/certificate.hpp"

// The certificate of the webhooks, as all replicas share it in one Secret: what to show, what the
// API server has to trust, and what to write into the Secret. Every replica runs this by itself;
// who writes does so on condition of the resourceVersion, and the others read what came of it.
//
//   none ──Issue──► current ──Stage──► current + next ──Promote──► next is current ──Retire──►
//   current
//                   trust: its CA      trust: both                 trust: both                 its
//                   CA
//
// Between Stage and Promote both authorities get into the configurations of the API server, between
// Promote and Retire every replica reads the new certificate: no connection ever meets a
// certificate that is not trusted. A Secret that goes away is made anew by way of Stage, so
// deleting it is how a person asks for a rotation.
//
// A Secret that is not ours (label app.kubernetes.io/managed-by: porter), or that cert-manager
// writes, is used as it is and never written.
namespace porter::kube {

struct CertificateTimes {
  std::chrono::seconds lifetime{std::chrono::hours{24 * 90}};  // of which the last third is unused

  [[nodiscard]] std::chrono::seconds backdated() const;  // for clocks that are behind ours
  // How long both authorities stand side by side, before and after the change.
  [[nodiscard]] std::chrono::seconds settle() const;
  // How often the Secret is looked at: several times while both are trusted.
  [[nodiscard]] std::chrono::milliseconds look() const;
};

// The Secret, understood.
struct CertificateSeen {
  enum class Owner : std::uint8_t { Nobody, Us, Other };  // Nobody: there is no Secret
  Owner owner{};
  std::optional<Leaf> current;  // none: absent or unusable; `trouble` says why
  std::optional<Leaf> next;     // staged, by us
  std::vector<std::string> authorities;
  UnixTime since = 0;  // of the last step
  std::string resource_version;
  std::string trouble;
};
// `secret`: null, there is none. `name`: what the API server dials.
[[nodiscard]] CertificateSeen read_certificate_secret(const Tree& secret, const std::string& name);

enum class CertificateStep : std::uint8_t { Keep, Issue, Stage, Promote, Retire };

struct CertificateAdvice {
  std::optional<Leaf> show;        // what to serve with; none: nothing yet
  std::vector<std::string> trust;  // for caBundle, without order; none: leave it as it is
  CertificateStep step{};          // what to write
};

// Pure: does no I/O, reads no clock.
class CertificatePlan {
 public:
  CertificatePlan(CertificateTimes times, std::vector<std::string> names);

  // What follows from the Secret. `published`: the bundle that was in all configurations when we
  // looked last.
  [[nodiscard]] CertificateAdvice advise(const CertificateSeen& seen, const std::string& published,
                                         UnixTime now);
  // A new one, to be made before Issue and Stage.
  [[nodiscard]] LeafRequest request(UnixTime now) const;
  // What the Secret's `data` becomes (in plain text; none: the key goes away). `fresh`: for Issue
  // and Stage.
  using Data = std::map<std::string, std::optional<std::string>>;
  [[nodiscard]] Data data_after(CertificateStep step, const CertificateSeen& seen,
                                const std::optional<Leaf>& fresh, UnixTime now) const;

  [[nodiscard]] const CertificateTimes& times() const { return times_; }

 private:
  struct Former {
    std::string authority;
    UnixTime until = 0;
  };
  [[nodiscard]] CertificateAdvice ours(const CertificateSeen& seen, const std::string& published,
                                       UnixTime now) const;
  [[nodiscard]] CertificateAdvice of_others(const CertificateSeen& seen,
                                            const std::string& published, UnixTime now);
  [[nodiscard]] bool is_due(const Leaf& leaf, UnixTime now) const;

  CertificateTimes times_;
  std::vector<std::string> names_;
  std::optional<Leaf> shown_;
  std::vector<Former> former_;  // authorities of what other replicas may still show
};

// Sorted and joined: equal sets are equal texts.
[[nodiscard]] std::string bundle_of(std::vector<std::string> authorities);

inline constexpr std::string_view kManagedByLabel = "app.kubernetes.io/managed-by";
inline constexpr std::string_view kSinceAnnotation =
    "network.kubesphere.io/webhook-certificate-since";

}  // namespace porter::kube
