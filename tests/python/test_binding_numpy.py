"""NumPy both ways, sharing memory."""
import subprocess
import sys

import pytest

import ctorch as T

np = pytest.importorskip('numpy')


def test_no_numpy_at_import():
    code = 'import sys; sys.path[:0] = %r; import ctorch; assert "numpy" not in sys.modules' % sys.path
    assert subprocess.run([sys.executable, '-c', code]).returncode == 0


def test_shared_both_ways():
    x = T.ones(2, 3)
    a = x.numpy()
    a[0, 0] = 5
    x[1, 1] = 7
    assert x[0, 0].item() == 5 and a[1, 1] == 7 and a.dtype == np.float32
    np.add(a, 1, out=a)
    assert x[0, 0].item() == 6
    b = np.arange(4)
    y = T.from_numpy(b)
    b[0] = 9
    y[1] = 8
    assert y[0].item() == 9 and b[1] == 8 and y.dtype is T.int64
    del x
    assert a[1, 1] == 8
    del b
    assert y.tolist() == [9, 8, 2, 3]


@pytest.mark.parametrize('d', ['float64', 'float32', 'float16', 'int64', 'int32', 'int16', 'int8', 'uint8', 'bool'])
def test_dtypes(d):
    a = np.ones((2, 2), d)
    t = T.from_numpy(a)
    assert str(t.dtype) == 'torch.' + d and t.numpy().dtype == a.dtype and t.t().numpy().tolist() == a.T.tolist()


def test_strides_and_empty():
    a = np.arange(12.).reshape(3, 4)
    assert T.from_numpy(a.T).tolist() == a.T.tolist() and T.from_numpy(a[::2, 1:]).tolist() == a[::2, 1:].tolist()
    assert T.ones(0, 3).numpy().shape == (0, 3) and T.tensor(2.5).numpy().shape == ()
    assert T.from_numpy(np.array(3)).shape == () and T.ones(3, 2).t().numpy().strides == (4, 8)


@pytest.mark.parametrize('bad', [lambda t: t.from_numpy(np.arange(3)[::-1]), lambda t: t.from_numpy(np.arange(3, dtype='>i4')),
                                 lambda t: t.from_numpy(np.array(['a'])), lambda t: t.from_numpy(3)])
def test_refused(bad, oracle):
    def text(t):
        with pytest.raises(Exception) as e:
            bad(t)
        return e.type.__name__, str(e.value)
    assert text(T) == text(oracle)


def test_in_expressions(oracle):
    x, y = T.ones(2, 3), oracle.ones(2, 3)
    for f in (lambda x: np.sin(x), lambda x: x + np.ones(3), lambda x: np.float64(2) * x, lambda x: x * np.float32(2),
              lambda x: x ** np.int64(2), lambda x: x == np.ones(3)):
        with pytest.warns(None) if False else __import__('warnings').catch_warnings():
            __import__('warnings').simplefilter('ignore')
            a, b = f(x), f(y)
        assert str(a.dtype) == str(b.dtype) and a.shape == tuple(b.shape)
        assert np.allclose(np.asarray(a), np.asarray(b))
    assert np.asarray(x).dtype == np.float32 and np.array(x, dtype=np.float64).dtype == np.float64


def test_tensor_from_numpy_things(oracle):
    for c in (np.float64(1), [np.float64(1)], [np.float32(1)], np.int32(1), [np.ones(2), np.ones(2)], np.bool_(True), [np.ones(2, np.int32)],
              np.arange(3)[::2], [np.int64(3), 2]):
        a, b = T.tensor(c), oracle.tensor(c)
        assert str(a.dtype) == str(b.dtype) and a.tolist() == b.tolist()
    a = np.ones(2)
    assert T.as_tensor(a).data_ptr() == a.ctypes.data and T.tensor(a).data_ptr() != a.ctypes.data
    x = T.arange(12).view(3, 4)
    assert x[np.array([0, 2])].shape == (2, 4) and x[np.int64(1)].shape == (4,) and x[np.array([True, False, True])].shape == (2, 4)
    x[np.array([0])] = 5
    assert T.zeros(np.int64(2), 3).shape == (2, 3) and T.ones(tuple(np.array([2, 3]))).shape == (2, 3)
    assert np.from_dlpack(T.arange(3)).tolist() == [0, 1, 2] and T.from_dlpack(np.arange(3)).tolist() == [0, 1, 2]
