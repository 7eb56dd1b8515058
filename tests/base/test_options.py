"""Options: every source, their order, and what bad input says."""

import pytest

from whimbrel.base import options
from whimbrel.base.errors import UsageError
from whimbrel.base.options import Address, HelpRequested, Option, load

ROWS = (
    Option("listen", "address", ("127.0.0.1:11211",), "Where to listen.", repeatable=True),
    Option("admin", "address", None, "Where the admin port is."),
    Option("memory", "size", "64MiB", "Memory of the whole process.", minimum=1 << 20, maximum=1 << 50),
    Option("threads", "int", 1, "Worker threads.", minimum=1, maximum=64),
    Option("idle-timeout", "seconds", 0, "Close idle connections.", minimum=0),
    Option("eviction", "choice", "s3fifo", "Eviction policy.", choices=("s3fifo", "merge")),
    Option("verbose", "bool", False, "Say more."),
    Option("name", "str", None, "A name."),
)


def run(*argv, environ=None):
    return load("serve", ROWS, argv, environ or {})


def refused(*argv, environ=None):
    with pytest.raises(UsageError) as caught:
        run(*argv, environ=environ)
    assert "\n" not in str(caught.value)
    assert caught.value.exit_code == 2
    return str(caught.value)


def test_defaults_are_parsed_like_anything_else():
    values = run()
    assert values["listen"] == (Address("127.0.0.1", 11211),)
    assert values["admin"] is None
    assert values["memory"] == 64 << 20
    assert values["idle-timeout"] == 0.0
    assert values.source("memory") == "default"


def test_the_command_line_in_both_spellings():
    values = run("--memory=1g", "--threads", "4", "--verbose", "--listen", "[::1]:1", "--listen", "unix:/tmp/x")
    assert (values["memory"], values["threads"], values["verbose"]) == (1 << 30, 4, True)
    assert values["listen"] == (Address("::1", 1), Address("", 0, "/tmp/x"))
    assert values.source("threads") == "command line"


def test_each_source_gives_way_to_the_one_before(tmp_path):
    config = tmp_path / "c.toml"
    config.write_text('memory = "2m"\nthreads = 2\nlisten = ["a:1", "b:2"]\nverbose = true\nidle-timeout = 1.5\n')
    environ = {"WHIMBREL_THREADS": "3", "WHIMBREL_MEMORY": "3m", "WHIMBREL_LISTEN": "c:1, d:2"}
    values = run("--config", str(config), "--memory", "4m", "--no-verbose", environ=environ)
    assert values["memory"] == 4 << 20
    assert (values["threads"], values.source("threads")) == (3, "WHIMBREL_THREADS")
    assert (values["idle-timeout"], values.source("idle-timeout")) == (1.5, str(config))
    assert values["listen"] == (Address("c", 1), Address("d", 2))
    assert values["verbose"] is False


def test_the_file_may_be_named_by_the_environment(tmp_path):
    config = tmp_path / "c.toml"
    config.write_text("threads = 7")
    assert run(environ={"WHIMBREL_CONFIG": str(config)})["threads"] == 7


@pytest.mark.parametrize(
    ("argv", "parts"),
    [
        (["--threads", "0"], ["--threads", "'0'", "from 1 to 64"]),
        (["--threads", "many"], ["--threads", "'many'", "whole number"]),
        (["--memory", "1k"], ["--memory", "'1k'", "from 1MiB to 1024TiB"]),
        (["--memory", "lots"], ["--memory", "'lots'", "64MiB"]),
        (["--idle-timeout", "-1"], ["--idle-timeout", "'-1'", "at least 0"]),
        (["--eviction", "lru"], ["--eviction", "'lru'", "one of s3fifo, merge"]),
        (["--listen", "nowhere"], ["--listen", "'nowhere'", "HOST:PORT"]),
        (["--listen", "a:70000"], ["--listen", "65535"]),
        (["--memroy", "1g"], ["unknown option --memroy", "did you mean --memory?"]),
        (["--no-threads"], ["unknown option --no-threads"]),
        (["--no-verbose=1"], ["--no-verbose", "takes no value"]),
        (["--verbose=perhaps"], ["--verbose", "'perhaps'", "true or false"]),
        (["--threads"], ["--threads", "value is missing"]),
        (["11211"], ["unexpected argument '11211'"]),
        (["-p", "1"], ["unexpected argument '-p'"]),
        (["--config", "/does/not/exist"], ["--config", "No such file"]),
        (["--name", "a\nb", "--threads", "x\ny"], ["--threads"]),
    ],
)
def test_bad_input_names_option_value_and_what_is_allowed(argv, parts):
    message = refused(*argv)
    assert all(part in message for part in parts), message


def test_bad_environment_names_the_variable():
    assert "WHIMBREL_THREADS" in refused(environ={"WHIMBREL_THREADS": "x"})


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("thread = 1", ["unknown option 'thread'", "did you mean threads?"]),
        ("threads = 1.5", ["--threads", "1.5", "whole number"]),
        ("threads = true", ["--threads", "true"]),
        ('verbose = "maybe"', ["--verbose"]),
        ("memory = true", ["--memory"]),
        ("idle-timeout = true", ["--idle-timeout"]),
        ("listen = [1]", ["--listen"]),
        ("name = 3", ["--name", "text"]),
        ("= broken", ["--config"]),
        ("[memory]\nx = 1", ["--memory"]),
        ("help = true", ["unknown option 'help'"]),
    ],
)
def test_bad_files_are_one_line(tmp_path, text, parts):
    config = tmp_path / "c.toml"
    config.write_text(text)
    message = refused("--config", str(config))
    assert all(part in message for part in parts), message


def test_a_file_that_is_no_text_or_too_large_is_refused(tmp_path):
    config = tmp_path / "c.toml"
    config.write_bytes(b"\xff\xfe")
    assert "--config" in refused("--config", str(config))
    config.write_bytes(b"#" * (options.CONFIG_BYTES_MAX + 1))
    assert "larger than 1MiB" in refused("--config", str(config))


def test_print_config_is_toml_that_gives_the_same_values(tmp_path):
    with pytest.raises(HelpRequested) as printed:
        run("--memory", "3m", "--listen", "unix:/a b", "--print-config", environ={"WHIMBREL_THREADS": "5"})
    text = str(printed.value)
    assert 'memory = "3MiB"  # command line' in text
    assert "threads = 5  # WHIMBREL_THREADS" in text
    assert '# admin = ""  # default' in text
    config = tmp_path / "c.toml"
    config.write_text(text)
    again = run("--config", str(config))
    assert again["memory"] == 3 << 20
    assert again["threads"] == 5
    assert again["listen"] == (Address("", 0, "/a b"),)


def test_help_shows_every_option():
    with pytest.raises(HelpRequested) as printed:
        run("--help", "--threads", "2")
    for row in (*ROWS, *options.COMMON_ROWS):
        assert f"  {row.usage}\n" in str(printed.value)
        assert row.sentence in str(printed.value)


def test_the_docs_table_has_a_line_an_option():
    lines = options.docs_table(ROWS).splitlines()
    assert len(lines) == len(ROWS) + 2
    assert "WHIMBREL_IDLE_TIMEOUT" in lines[6]
    assert "`64MiB`" in lines[4]


# ---- letters and positions -----------------------------------------------------------------------------

WATCH = (
    Option("interface", "str", (), "Capture here.", repeatable=True, metavar="IFACE", short="i"),
    Option("file", "str", (), "Read this.", repeatable=True, metavar="FILE", positional=True),
    Option("filter", "str", None, "Which packets.", short="f"),
    Option("quiet", "bool", False, "Say less.", short="q"),
)


def watch(*argv, environ=None):
    return load("watch", WATCH, argv, environ or {})


@pytest.mark.parametrize(
    ("argv", "interface", "file"),
    [
        (["-i", "eth0", "-ilo", "--interface", "any"], ("eth0", "lo", "any"), ()),
        (["a.pcap", "-i", "eth0", "b.pcap"], ("eth0",), ("a.pcap", "b.pcap")),
        (["-"], (), ("-",)),
        (["--", "-i", "--filter"], (), ("-i", "--filter")),
        (["-i", "--", "--"], ("--",), ()),
        (["x", "--"], (), ("x",)),
        ([""], (), ("",)),
    ],
)
def test_letters_and_positions(argv, interface, file):
    values = watch(*argv)
    assert (values["interface"], values["file"]) == (interface, file)


def test_a_letter_takes_the_next_argument_or_what_follows_it():
    assert watch("-f", "port 80")["filter"] == watch("-fport 80")["filter"] == "port 80"
    assert watch("-f", "-q")["filter"] == "-q"
    assert watch("-q")["quiet"] is True


@pytest.mark.parametrize(
    ("argv", "parts"),
    [
        (["-x"], ["unexpected argument '-x'"]),
        (["-i"], ["--interface", "value is missing"]),
        (["-qf"], ["-q", "takes no value"]),
        (["--file", "x"], ["unknown option --file"]),
        (["a\0b"], ["FILE", "text"]),
    ],
)
def test_bad_letters_and_positions(argv, parts):
    with pytest.raises(UsageError) as caught:
        watch(*argv)
    assert all(part in str(caught.value) for part in parts), caught.value


def test_a_position_comes_from_the_command_line_only(tmp_path):
    assert watch(environ={"WHIMBREL_FILE": "x", "": "y"})["file"] == ()
    config = tmp_path / "c.toml"
    config.write_text('file = "x"')
    with pytest.raises(UsageError, match="unknown option 'file'"):
        watch("--config", str(config))
    with pytest.raises(HelpRequested) as printed:
        watch("x", "--print-config")
    assert "file" not in str(printed.value)


def test_letters_and_positions_are_shown():
    with pytest.raises(HelpRequested) as printed:
        watch("-h")
    text = str(printed.value)
    assert text.startswith("usage: whimbrel watch [options] [FILE...]\n")
    assert "  -i, --interface IFACE\n" in text
    assert "  FILE...\n" in text
    assert "| `FILE...` |  |  | text | Read this." in options.docs_table(WATCH)
