// SPDX-License-Identifier: Apache-2.0
#include "plan/view.hpp"

#include <gtest/gtest.h>

namespace porter::plan {
namespace {

model::BgpConf conf(std::string name, model::ApiVersion version) {
  model::BgpConf conf;
  conf.meta.name.name = std::move(name);
  conf.meta.written_as = version;
  return conf;
}

TEST(View, TheBgpConfNamedDefaultCounts) {
  View view;
  EXPECT_EQ(effective_conf(view), nullptr);
  view.bgp_confs["other"] = conf("other", model::ApiVersion::V1alpha2);
  EXPECT_EQ(effective_conf(view), nullptr);
  view.bgp_confs["old"] = conf("old", model::ApiVersion::V1alpha1);
  EXPECT_EQ(effective_conf(view), &view.bgp_confs["old"]);  // the only one of its version
  view.bgp_confs["older"] = conf("older", model::ApiVersion::V1alpha1);
  EXPECT_EQ(effective_conf(view), nullptr);
  view.bgp_confs["default"] = conf("default", model::ApiVersion::V1alpha2);
  EXPECT_EQ(effective_conf(view), &view.bgp_confs["default"]);
}

TEST(View, ANamespaceThatIsNotThereHasNoLabels) {
  View view;
  EXPECT_TRUE(view.namespace_labels("shop").empty());
  view.namespaces["shop"].meta.labels = {{"team", "a"}};
  EXPECT_EQ(view.namespace_labels("shop").at("team"), "a");
}

}  // namespace
}  // namespace porter::plan
