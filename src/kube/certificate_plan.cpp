// SPDX-License-Identifier: Apache-2.0
#include "kube/certificate_plan.hpp"

#include <algorithm>
#include <utility>

#include "model/base64.hpp"
#include "model/time_text.hpp"

namespace porter::kube {
namespace {

using Owner = CertificateSeen::Owner;
using Step = CertificateStep;

constexpr std::string_view kCertManager = "cert-manager.io/certificate-name";
constexpr std::chrono::seconds kLongestSettle{600};
constexpr std::chrono::seconds kMostBackdated{300};
constexpr std::chrono::milliseconds kLongestLook{30'000};
constexpr std::chrono::milliseconds kShortestLook{200};

std::string value_in(const Tree& secret, std::string_view key) {
  return model::decode_base64(secret["data"][key].text()).value_or(std::string{});
}

bool holds(const std::vector<std::string>& list, const std::string& text) {
  return std::find(list.begin(), list.end(), text) != list.end();
}

void add(std::vector<std::string>& list, const std::string& text) {
  if (!holds(list, text)) list.push_back(text);
}

// Null: there is none, or it has ended.
const Leaf* usable(const std::optional<Leaf>& leaf, UnixTime now) {
  return leaf && now < leaf->not_after ? &*leaf : nullptr;
}

const Leaf& required(const std::optional<Leaf>& leaf) {
  PORTER_ASSERT(leaf.has_value());
  return *leaf;
}

// It ends soon, so that nothing can be waited for any more.
bool is_last_call(const Leaf& leaf, UnixTime now) {
  return now >= leaf.not_after - (leaf.not_after - leaf.not_before) / 10;
}

bool is_ours(const Tree& metadata) {
  return metadata["labels"][kManagedByLabel].text() == "porter" &&
         metadata["annotations"].find(kCertManager) == nullptr;
}

}  // namespace

std::string bundle_of(std::vector<std::string> authorities) {
  std::sort(authorities.begin(), authorities.end());
  authorities.erase(std::unique(authorities.begin(), authorities.end()), authorities.end());
  std::string text;
  for (const std::string& one : authorities)
    text += one;
  return text;
}

std::chrono::seconds CertificateTimes::settle() const {
  return std::clamp(lifetime / 15, std::chrono::seconds{1}, kLongestSettle);
}

std::chrono::seconds CertificateTimes::backdated() const {
  return std::min(lifetime / 10, kMostBackdated);
}

std::chrono::milliseconds CertificateTimes::look() const {
  return std::clamp(std::chrono::milliseconds{settle()} / 4, kShortestLook, kLongestLook);
}

CertificateSeen read_certificate_secret(const Tree& secret, const std::string& name) {
  CertificateSeen seen;
  if (secret.is_null()) return seen;
  const Tree& metadata = secret["metadata"];
  seen.owner = is_ours(metadata) ? Owner::Us : Owner::Other;
  seen.resource_version = metadata["resourceVersion"].text();
  seen.authorities = certificates_in(value_in(secret, "ca.crt"));
  Result<Leaf> current =
      read_leaf(value_in(secret, "tls.crt"), value_in(secret, "tls.key"), seen.authorities, name);
  if (current) {
    seen.current = *std::move(current);
  } else {
    seen.trouble = std::move(current.error().message);
  }
  if (seen.owner == Owner::Other) return seen;
  Result<Leaf> next =
      read_leaf(value_in(secret, "next.crt"), value_in(secret, "next.key"), seen.authorities, name);
  if (next) seen.next = *std::move(next);
  seen.since = model::parse_time(metadata["annotations"][kSinceAnnotation].text()).value_or(0);
  return seen;
}

CertificatePlan::CertificatePlan(CertificateTimes times, std::vector<std::string> names)
    : times_{times}, names_{std::move(names)} {}

// Two thirds of its life are over, or of the life that one made now would have.
bool CertificatePlan::is_due(const Leaf& leaf, UnixTime now) const {
  const UnixTime life = (times_.lifetime + times_.backdated()).count();
  return now >= leaf.not_before + std::min(leaf.not_after - leaf.not_before, life) / 3 * 2;
}

CertificateAdvice CertificatePlan::advise(const CertificateSeen& seen, const std::string& published,
                                          UnixTime now) {
  std::erase_if(former_, [&](const Former& former) { return now >= former.until; });
  CertificateAdvice advice =
      seen.owner == Owner::Other ? of_others(seen, published, now) : ours(seen, published, now);
  if (advice.show) shown_ = advice.show;
  return advice;
}

CertificateAdvice CertificatePlan::ours(const CertificateSeen& seen, const std::string& published,
                                        UnixTime now) const {
  CertificateAdvice advice;
  if (seen.owner == Owner::Nobody) {
    // Somebody deleted it: the API server still trusts what we show, so the next one is staged.
    advice.step = usable(shown_, now) != nullptr ? Step::Stage : Step::Issue;
    return advice;
  }
  const bool has_next = usable(seen.next, now) != nullptr;
  const Leaf* const current = usable(seen.current, now);
  if (current == nullptr) {
    advice.step = has_next ? Step::Promote : Step::Issue;
    return advice;
  }
  advice.show = *current;
  advice.trust = seen.authorities;
  const bool is_settled = now >= seen.since + times_.settle().count();
  if (has_next) {
    const bool is_trusted = published == bundle_of(advice.trust);
    // Where we may not look, somebody else carries the bundle, or nobody does: not to be waited for
    // until it is too late.
    if ((is_settled && is_trusted) || is_last_call(*current, now)) advice.step = Step::Promote;
  } else if (is_due(*current, now)) {
    advice.step = Step::Stage;
  } else if (is_settled && seen.authorities.size() > 1) {
    advice.step = Step::Retire;
  }
  return advice;
}

// Who writes this Secret knows nothing of our replicas, so the side-by-side is kept here: first the
// new authority beside the old one, then the new certificate, and the old authority for a while.
CertificateAdvice CertificatePlan::of_others(const CertificateSeen& seen,
                                             const std::string& published, UnixTime now) {
  CertificateAdvice advice;
  if (!seen.current) {
    advice.show = shown_;
    return advice;
  }
  advice.trust = seen.authorities;
  for (const Former& former : former_)
    add(advice.trust, former.authority);
  const Leaf* const before = usable(shown_, now);
  const bool is_change = before != nullptr && !holds(seen.authorities, before->authority);
  if (is_change) {
    add(advice.trust, before->authority);
    if (published != bundle_of(advice.trust) && !is_last_call(*before, now)) {
      advice.show = shown_;
      return advice;
    }
    former_.push_back(
        Former{.authority = before->authority, .until = now + times_.settle().count()});
  }
  advice.show = seen.current;
  return advice;
}

LeafRequest CertificatePlan::request(UnixTime now) const {
  return LeafRequest{.names = names_,
                     .not_before = now - times_.backdated().count(),
                     .not_after = now + times_.lifetime.count()};
}

CertificatePlan::Data CertificatePlan::data_after(CertificateStep step, const CertificateSeen& seen,
                                                  const std::optional<Leaf>& fresh,
                                                  UnixTime now) const {
  Data data;
  const auto show = [&data](const Leaf& leaf) {
    data["tls.crt"] = leaf.certificate;
    data["tls.key"] = leaf.key;
    data["next.crt"] = std::nullopt;
    data["next.key"] = std::nullopt;
  };
  switch (step) {
    case Step::Keep: break;
    case Step::Issue:
      show(required(fresh));
      data["ca.crt"] = required(fresh).authority;
      break;
    case Step::Stage: {
      const Leaf* const good = usable(seen.current, now);
      const Leaf& current = good != nullptr ? *good : required(shown_);
      const Leaf& next = required(fresh);
      data["tls.crt"] = current.certificate;
      data["tls.key"] = current.key;
      data["next.crt"] = next.certificate;
      data["next.key"] = next.key;
      data["ca.crt"] = bundle_of({current.authority, next.authority});
      break;
    }
    case Step::Promote: {
      const Leaf& next = required(seen.next);
      show(next);
      std::vector<std::string> both{next.authority};
      if (const Leaf* const current = usable(seen.current, now)) both.push_back(current->authority);
      data["ca.crt"] = bundle_of(std::move(both));
      break;
    }
    case Step::Retire: data["ca.crt"] = required(seen.current).authority; break;
  }
  return data;
}

}  // namespace porter::kube
