// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "base/tree.hpp"
#include "model/object.hpp"

// Documents of Eip, BgpConf and BgpPeer from one version to the other and back, without loss (the
// table of api.md 7). Both versions say most of it; what only one can say travels in an annotation
// of the other: network.kubesphere.io/v1alpha1-fields holds the spec of an object as v1alpha1 wrote
// it, …/v1alpha2-fields that as v1alpha2 wrote it. On the way back the annotation is the answer,
// with those fields replaced that were edited in between: typed fields beat it.
//
// An object that came as v1alpha1 keeps its annotation as long as it is v1alpha2 (is_from_v1alpha1
// in object.hpp). Nothing else of the metadata, and nothing of the status, changes.
namespace porter::model {

// An Error names what is wrong with the document: not one of these kinds, or an unknown version.
[[nodiscard]] Result<Tree> convert(const Tree& document, std::string_view api_version);

// Equal but for the order of keys, which means nothing in JSON.
[[nodiscard]] bool is_same(const Tree& left, const Tree& right);

}  // namespace porter::model
