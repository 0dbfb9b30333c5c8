"""The stubs in service/ are what proto/ gives."""

import subprocess
import sys
from pathlib import Path

import pytest

pytest.importorskip("grpc_tools", reason="grpcio-tools is part of the dev extra")

ROOT = Path(__file__).parents[2]
PROTO = ROOT / "proto"


def test_stubs_are_not_stale(tmp_path: Path) -> None:
    """`make proto` would change nothing."""
    protos = sorted(str(path.relative_to(PROTO)) for path in PROTO.rglob("*.proto"))
    services = [name for name in protos if name.endswith("_service.proto")]
    protoc = [sys.executable, "-m", "grpc_tools.protoc", "-I", str(PROTO)]
    subprocess.run([*protoc, f"--python_out={tmp_path}", f"--pyi_out={tmp_path}", *protos], check=True)
    subprocess.run([*protoc, f"--grpc_python_out={tmp_path}", *services], check=True)

    made = {path.relative_to(tmp_path): path.read_text() for path in tmp_path.rglob("*_pb2*.py*")}
    committed = {
        path.relative_to(ROOT / "service"): path.read_text()
        for path in (ROOT / "service").rglob("*_pb2*.py*")
        if "__pycache__" not in path.parts
    }
    assert sorted(committed) == sorted(made)
    assert committed == made, "run `make proto`"
