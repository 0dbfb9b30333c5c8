"""A policy spec as the YAML that `attune apply` reads: what a report shows of a target."""

import yaml
from google.protobuf import json_format

from attune.v1.placement_pb2 import PolicySpec


def policy_yaml(policy: PolicySpec) -> str:
    """Return a policy spec as YAML, with the contract's names."""
    fields = json_format.MessageToDict(policy, preserving_proto_field_name=True)
    return str(yaml.safe_dump({"policy": fields}, sort_keys=False, allow_unicode=True))
