"""Cell files: TOML, its keys, and the places of what is wrong in them."""

import subprocess
import sys

import pytest

from derive.equations import load, names, parse
from derive.errors import DeriveError

HEAD = "name = 'my'\ntitle = 'Mine'\nequations = '''\na = W @ x + p * b\nh = tanh(a) + h[t-1]\n'''\n"

# what follows HEAD, line, column, fragment of the message
BAD_ENTRIES = [
    ("titel = 'x'", 7, 1, "`titel` is not a key of a cell. Did you mean `title`?"),
    ("inputs = 'x'", 7, 1, "`inputs` is a list of at least one name"),
    ("inputs = []", 7, 1, "`inputs` is a list of at least one name"),
    ("inputs = [3]", 7, 1, "holds names in quotes, not 3"),
    ("inputs = ['x', 'x']", 7, 1, "`x` stands twice in `inputs`"),
    ("inputs = ['x', 'u']", 7, 1, "the input `u` is never read"),
    ("inputs = ['x', 'a']", 4, 1, "`a` is an input of the cell and cannot be assigned"),
    ("inputs = ['x', 'tanh']", 7, 1, "`tanh` has a meaning of its own"),
    ("outputs = ['q']", 7, 1, "no equation assigns the output `q`; an output is a variable: `a`, `h`"),
    ("loss = 'mse'", 7, 1, '`loss` is "softmax_cross_entropy(o)" or "mse(o)"'),
    ("loss = 'hinge(h)'", 7, 1, '`loss` is "softmax_cross_entropy(o)"'),
    ("loss = 'mse(q)'", 7, 1, "no equation assigns `q`, which the loss reads"),
    ("outputs = ['a']\nloss = 'mse(h)'", 7, 1, 'what the loss reads: `outputs = ["h"]`'),
    ("init = 3", 7, 1, "`init` is a table"),
    ("[init]\nq = 1", 8, 1, "[init]: `q` is not a parameter; these are: `W`, `p`, `b`"),
    ("[init]\n  a = 1", 8, 3, "`a` is a variable (line 4), not a parameter"),
    ("[init]\np = true", 8, 1, "`p` in [init] is a number"),
    ("[init]\np = inf", 8, 1, "is a finite number"),
    ("[init]\np = 1e999999", 8, 1, "is a finite number"),
    ("[init]\np = 'normal'", 8, 1, '`p` in [init] is a number, "glorot"'),
    ("[init]\np = 'uniform(1.2.3)'", 8, 1, '`p` in [init] is a number, "glorot"'),
    ("[init]\np = 'uniform(-1)'", 8, 1, '`p` in [init] is a number, "glorot"'),
    ("[init]\np = 'orthogonal'", 8, 1, "`p` is a vector; orthogonal is for matrices"),
    ("[parameters]\nq = 'scalar'", 8, 1, "[parameters]: `q` is not a parameter"),
    ("[parameters]\np = 'tensor'", 8, 1, '"scalar", "vector" or "matrix"'),
    ("[parameters]\np = 'scalar'", 8, 1, "the scalar `p` has no start"),
    ("[parameters]\np = 'matrix'", 4, 13, '`p` is used as a vector here in line 4, but [parameters] says "matrix" in'),
    ("[parameters]\nW = 'scalar'", 4, 5, '[parameters] says "scalar" in line 8'),
    ("[constants]\nq = 1", 8, 1, "[constants]: `q` is not read by an equation"),
    ("[constants]\na = 1", 4, 1, "`a` is given in [constants] and cannot be assigned"),
    ("[constants]\nx = 1", 8, 1, "`x` is an input and cannot be a constant too"),
    ("[constants]\nW = 1", 4, 5, "left of `@` stands a matrix, but `W` is a constant"),
    ("[constants]\np = 'one'", 8, 1, "`p` in [constants] is a number"),
    ("[initial]\na = 1", 8, 1, "`a` is a variable (line 4), not a state; these are: `h`"),
    ("[dimensions]\nW = 'w_size'", 8, 1, "`W` is a matrix; [dimensions] names the size of a vector"),
    ("[dimensions]\na = 'w'", 8, 1, "a name that ends in _size"),
    ("[dimensions]\na = 'cell_size'", 8, 1, "the size of `a` is called hidden_size already"),
    ("[latex]\nq = 'q'", 8, 1, "[latex]: `q` is not a name of the equations"),
    ("[latex]\na = 3", 8, 1, "`a` in [latex] is a text"),
    ("[latex]\na = '\\input{x}'", 8, 1, "`\\input` is not among the symbols"),
    ("[latex]\na = '{a'", 8, 1, "its braces do not match"),
    ("[latex]\na = '}a{'", 8, 1, "its braces do not match"),
    ("[latex]\na = 'a%'", 8, 1, "it holds letters, digits"),
    ("[latex]\na = 'a^^5c'", 8, 1, "it holds letters, digits"),
    ("[latex]\na = ' '", 8, 1, "it has 1 to 80 characters"),
    ('[latex]\na = "a\\\\"', 8, 1, "is not among the symbols"),
    ("[init]\n'b-f' = 1", 8, 2, "`b-f` is not a name"),
    ("[init]\np = 1\np = 2", 9, 6, "this is not TOML: Cannot overwrite a value"),
    ("source = 3", 7, 1, "`source` is a text in quotes"),
    ("source = 'a\\nb'\n[init]\np = \"\"", 9, 1, '`p` in [init] is a number, "glorot"'),
    ('source = "a\\nb"', 7, 1, "one line of at most 300 printable characters"),
    ("source = 'x", 8, 1, "this is not TOML"),
    ("source = " + "[" * 5_000, 1, 1, "nested too deeply"),
    ("source = " + "9" * 5_000, None, 1, "this is not TOML"),
]


@pytest.mark.parametrize(("rest", "line", "column", "fragment"), BAD_ENTRIES, ids=range(len(BAD_ENTRIES)))
def test_a_bad_entry_is_refused_at_its_place_in_the_file(rest, line, column, fragment):
    with pytest.raises(DeriveError) as caught:
        parse(f"{HEAD}{rest}\n", file="my.toml")
    error = caught.value
    assert fragment in error.message
    assert error.place.file == "my.toml"
    if line is not None:
        assert (error.place.line, error.place.column) == (line, column)


@pytest.mark.parametrize(
    ("text", "line", "column", "fragment"),
    [
        ("title = 'x'\nequations = '''h = x + q[t-1]'''", 2, 24, "`q` is a state that is never assigned"),
        ("title = \"\"\"\\\nloss = 2\"\"\"\nequations = '''\nh = x'''\nloss = 3", 5, 1, "`loss` is"),
        ("[init]\nb = 1\n[latex]\nequations = '''\nh = x\n'''", 1, 1, "the file has no equations"),
        ('equations = """\nh = x \\\n + x\n"""', 1, 1, "where no character is escaped"),
        ("equations = '''\n\n'''", 1, 1, "there are no equations"),
        ("name = 'a b'\nequations = '''\nh = x'''", 1, 1, "`a b` is not a name"),
        ("name = 'class'\nequations = '''\nh = x'''", 1, 1, "`class` is a keyword"),
    ],
)
def test_places_are_those_of_the_file(text, line, column, fragment):
    with pytest.raises(DeriveError) as caught:
        parse(text)
    assert fragment in caught.value.message
    assert (caught.value.place.line, caught.value.place.column) == (line, column)


def test_clashing_sizes_ask_for_a_name():
    text = "hidden = W @ x + hidden[t-1]\nh = V @ hidden + h[t-1]"
    with pytest.raises(DeriveError, match="both would be called hidden_size; give one of them another name"):
        parse(text)
    named = f"equations = '''\n{text}\n'''\n[dimensions]\nhidden = 'cell_size'\n"
    assert parse(named).size_names == ("input_size", "hidden_size", "cell_size")


def test_a_document_and_its_bare_equations_are_one_cell():
    document = parse(HEAD)
    bare = parse("a = W @ x + p * b\nh = tanh(a) + h[t-1]\n", name="my")
    assert (document.name, document.title) == ("my", "Mine")
    assert document.text == bare.text
    assert [(e.target, e.text, e.number) for e in document.equations] == [
        (e.target, e.text, e.number) for e in bare.equations
    ]
    assert document.symbols == bare.symbols
    assert document.equations[0].line == 4
    assert document.equations[0].expression.left.matrix.column == 5


def test_every_cell_of_the_zoo_is_legal_and_called_like_its_file():
    assert {"rnn", "lstm", "lstm_peephole", "gru", "dense"} <= set(names())
    assert list(names()) == sorted(names())
    for name in names():
        cell = load(name)
        assert (cell.name, cell.file) == (name, f"derive/cells/{name}.toml")
        assert cell.size_names[:2] == ("input_size", "hidden_size")


def test_an_unknown_cell_suggests_a_near_one():
    with pytest.raises(DeriveError, match=r"there is no cell `lstm_pephole`\. Did you mean `lstm_peephole`"):
        load("lstm_pephole")
    with pytest.raises(DeriveError, match="loaded by its name or path, not by int"):
        load(3)


def test_a_path_is_text():
    class BytesPath:
        def __fspath__(self):
            return b"cell.toml"

    with pytest.raises(DeriveError, match=r"the path of a cell is text \(str\), not bytes"):
        load(BytesPath())


def test_files_are_loaded_by_path(tmp_path):
    path = tmp_path / "mine.toml"
    path.write_bytes(b"\xef\xbb\xbfequations = '''\r\nh = x\r\n'''\r\n")
    assert load(path) == load(str(path))
    assert load(path).name == "mine"


@pytest.mark.parametrize(
    ("content", "fragment", "place"),
    [
        (b"equations = '''\nh = \xff'''", "not UTF-8: the byte 0xFF", (2, 5)),
        (b"h = x", "this is not TOML", (1, 5)),
        (b"title = 'x'", "the file has no equations", (1, 1)),
        (b"equations = 'h = x'", "`equations` is a text of several lines", (1, 1)),
        (b"#" * 1_000_000, "at most 65536", (1, 1)),
    ],
)
def test_a_bad_file_is_refused(tmp_path, content, fragment, place):
    path = tmp_path / "bad.toml"
    path.write_bytes(content)
    with pytest.raises(DeriveError) as caught:
        load(path)
    assert fragment in caught.value.message
    assert caught.value.place.file == str(path)
    assert (caught.value.place.line, caught.value.place.column) == place


def test_a_file_that_cannot_be_read_is_refused(tmp_path):
    with pytest.raises(DeriveError, match="cannot be read: No such file"):
        load(tmp_path / "none.toml")
    with pytest.raises(DeriveError, match="not the path of a file"):
        load("a\0.toml")


def test_reading_a_cell_imports_no_sympy():
    code = "import sys, derive.equations as e; e.load('lstm'); sys.exit('sympy' in sys.modules)"
    subprocess.run([sys.executable, "-c", code], check=True, timeout=60)
