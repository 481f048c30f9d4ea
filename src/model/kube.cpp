// SPDX-License-Identifier: Apache-2.0
#include "model/kube.hpp"

namespace porter::model {

std::string_view to_string(IpProtocol protocol) {
  switch (protocol) {
    case IpProtocol::Tcp: return "TCP";
    case IpProtocol::Udp: return "UDP";
    case IpProtocol::Sctp: return "SCTP";
  }
  return "";
}

}  // namespace porter::model
