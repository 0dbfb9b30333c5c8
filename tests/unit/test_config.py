"""Settings: which source wins, and what is said about a value that cannot be."""

from pathlib import Path

import pytest

from attune import config
from attune.errors import SettingError
from attune.settings import LearnerSettings, ServerSettings, Settings, StoreSettings


def message(
    *, file: Path | None = None, environment: dict[str, str] | None = None, flags: dict[str, object] | None = None
) -> str:
    """Return what is said about settings that are refused."""
    with pytest.raises(SettingError) as refused:
        config.load(file, environment or {}, flags or {})
    return str(refused.value)


def test_without_any_source_everything_has_its_default() -> None:
    assert config.load(None, {"PATH": "/bin"}, {"server.address": None}) == Settings()


def test_each_source_overrules_the_one_before(tmp_path: Path) -> None:
    file = tmp_path / "attune.toml"
    file.write_text("[server]\naddress = 'file:1'\ndrain_s = 1\n[learner]\nbatch = 1\n[store]\ndata_dir = 'file'\n")
    environment = {"ATTUNE__SERVER__ADDRESS": "environment:2", "ATTUNE__LEARNER__BATCH": "2"}
    assert config.load(file, environment, {"server.address": "flag:3"}) == Settings(
        server=ServerSettings(address="flag:3", drain_s=1.0),
        learner=LearnerSettings(batch=2),
        store=StoreSettings(data_dir="file"),
    )


def test_a_variable_names_the_file_and_the_flag_wins_over_it(tmp_path: Path) -> None:
    one, two = tmp_path / "one.toml", tmp_path / "two.toml"
    one.write_text("[log]\nlevel = 'error'\n")
    two.write_text("[log]\nlevel = 'debug'\n")
    environment = {"ATTUNE_CONFIG": str(one)}
    assert config.load(None, environment, {}).log.level == "error"
    assert config.load(two, environment, {}).log.level == "debug"


def test_children_read_exactly_what_the_supervisor_has() -> None:
    settings = config.load(None, {"ATTUNE__LEARNER__LEASE_S": "2.5"}, {"store.url": "unix:///tmp/x%20y"})
    assert config.from_json(config.to_json(settings)) == settings


@pytest.mark.parametrize(
    ("variable", "value", "expected"),
    [
        # A name that is nearly right: the right one is suggested.
        ("SERVER__ADRESS", "x", 'server.adress: unknown setting, did you mean "server.address"?'),
        # The right key in the wrong section.
        ("SERVER__LEASE_S", "1", 'server.lease_s: unknown setting, did you mean "learner.lease_s"?'),
        # No section at all.
        ("ADDRESS", "x", 'address: unknown setting, did you mean "server.address"?'),
        # Of the wrong type.
        ("LEARNER__BATCH", "many", "learner.batch: expected a whole number, 1 to 10000, got 'many'"),
        ("LEARNER__BATCH", "1.5", "learner.batch: expected a whole number, 1 to 10000, got '1.5'"),
        # Out of range, and not even a number to compare with.
        ("SERVER__DRAIN_S", "-1", "server.drain_s: expected a number, 0 to 3600 seconds, got '-1'"),
        ("SERVER__DRAIN_S", "nan", "server.drain_s: expected a number, 0 to 3600 seconds, got 'nan'"),
        ("STORE__TIMEOUT_MS", "9" * 5000, "store.timeout_ms: expected a whole number, 10 to 600000 milliseconds, got "),
        ("SERVER__WORKERS", "0", "server.workers: expected a whole number, 1 to 64, got '0'"),
        ("SERVER__WORKERS", "65", "server.workers: expected a whole number, 1 to 64, got '65'"),
        # Not one of the words.
        ("LOG__FORMAT", "xml", "log.format: expected one of text, json, got 'xml'"),
        # Addresses without a port, with a port that is none, with a host that needs brackets.
        ("SERVER__ADDRESS", "localhost", "server.address: expected host:port with a port of 0 to 65535, got"),
        ("SERVER__ADDRESS", "localhost:65536", "server.address: expected host:port with a port of 0 to 65535, got"),
        ("SERVER__ADDRESS", "::1:50051", "server.address: expected host:port with a port of 0 to 65535, got"),
        # Metrics are published nowhere, or on an address.
        (
            "SERVER__METRICS_ADDRESS",
            "9100",
            "server.metrics_address: expected host:port with a port of 0 to 65535 (emp",
        ),
        ("LEARNER__METRICS_ADDRESS", ":9100", "learner.metrics_address: expected host:port with a port of 0 to 65535"),
        # A URL of the wrong kind; its password is not repeated.
        ("STORE__URL", "http://u:secret@h/", "got 'http://***@h/': the scheme is none of these"),
    ],
)
def test_a_bad_variable_is_named_with_what_was_expected_and_what_came(variable: str, value: str, expected: str) -> None:
    said = message(environment={f"ATTUNE__{variable}": value})
    assert said.startswith(f"ATTUNE__{variable}: ")
    assert expected in said
    assert "secret" not in said


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("[server]\naddres = 1\n", 'server.addres: unknown setting, did you mean "server.address"?'),
        ("[server]\naddress = 1\n", "server.address: expected host:port"),
        # true is a number in Python, but not in a file of settings.
        ("[learner]\nbatch = true\n", "learner.batch: expected a whole number, 1 to 10000, got True"),
        ("[learner]\nlease_s = inf\n", "learner.lease_s: expected a number, 1 to 3600 seconds, got inf"),
        ("address = 'x'\n", "address: expected a table [address] of settings, got 'x'"),
        ("[server\n", "expected TOML, Expected ']'"),
    ],
)
def test_a_bad_file_is_named(tmp_path: Path, text: str, expected: str) -> None:
    file = tmp_path / "attune.toml"
    file.write_text(text)
    said = message(file=file)
    assert said.startswith(f"{file}: ")
    assert expected in said


def test_a_file_that_is_not_there_is_said_to_be_missing(tmp_path: Path) -> None:
    missing = tmp_path / "none.toml"
    assert message(file=missing) == f"--config: cannot read {missing}: No such file or directory"
    variable = {"ATTUNE_CONFIG": str(missing)}
    assert message(environment=variable) == f"ATTUNE_CONFIG: cannot read {missing}: No such file or directory"


def test_a_bad_flag_is_named_as_it_was_typed() -> None:
    said = message(flags={"store.url": "localhost"})
    assert said.startswith("--redis-url: store.url: expected redis://host:port/db, ")
    assert said.endswith("got 'localhost': it is not of one of these forms")


@pytest.mark.parametrize(
    ("address", "from_here"),
    [("0.0.0.0:1", "127.0.0.1:1"), ("[::]:1", "[::1]:1"), ("example.org:1", "example.org:1")],
)
def test_a_server_that_listens_everywhere_is_reached_on_the_loopback(address: str, from_here: str) -> None:
    assert config.reachable(address) == from_here


@pytest.mark.parametrize("key", ["customers.key", "customers.former_key"])
def test_a_key_is_never_shown(key: str, tmp_path: Path) -> None:
    """Neither one that is too short, nor what is no text at all."""
    name = key.upper().replace(".", "__")
    said = message(environment={f"ATTUNE__{name}": "5ec4e7" * 5})
    assert said.endswith(
        f"{key}: expected 32 to 128 hexadecimal digits, an even number of them (empty: none), "
        "got a text of 30 characters"
    )
    file = tmp_path / "attune.toml"
    file.write_text(f"[customers]\n{key.partition('.')[2]} = 5574242\n")
    assert "5574242" not in message(file=file)


@pytest.mark.parametrize("key", ["", "0" * 32, "aF" * 64])
def test_a_key_is_taken(key: str) -> None:
    assert config.load(None, {"ATTUNE__CUSTOMERS__KEY": key}, {}).customers.key == key


# Settings of customers that are refused, and what is quoted of the rule.
@pytest.mark.parametrize(
    ("name", "value", "expected"),
    [
        ("KEY", "0" * 33, "an even number"),
        ("KEY", "0" * 130, "32 to 128"),
        ("KEY", "g" * 32, "hexadecimal"),
        ("CONSENT", "maybe", "one of required, assumed"),
        ("HALF_LIVES_DAYS", "", "1 to 5 numbers of days"),
        ("HALF_LIVES_DAYS", "7,1", "each more than the one before"),
        ("HALF_LIVES_DAYS", "1,1", "each more than the one before"),
        ("HALF_LIVES_DAYS", "0", "0.01 to 3650"),
        ("HALF_LIVES_DAYS", "1,nan", "0.01 to 3650"),
        ("HALF_LIVES_DAYS", "1,2,3,4,5,6", "1 to 5"),
        ("PURCHASE", "Buy now", "a name of activities"),
        ("LAPSING_DAYS", "0", "days"),
    ],
)
def test_settings_of_customers_that_cannot_be(name: str, value: str, expected: str) -> None:
    assert expected in message(environment={f"ATTUNE__CUSTOMERS__{name}": value})
