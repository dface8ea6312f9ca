"""What the peers of docs/performance.md take on this machine, as "name nanoseconds" lines.

    python3 benches/peers/peers.py > peers.txt
    DISC_HAL_PEERS=peers.txt cargo bench ...

Needs numpy, scipy and tmm; with numba its loops too. Processor time, median of seven, one thread.
"""

import os

for name in ("OMP", "OPENBLAS", "MKL", "NUMBA"):
    os.environ[name + "_NUM_THREADS"] = "1"

import time

import numpy as np
import scipy.linalg
import scipy.signal
import tmm


def report(name, units, work):
    work()
    times = []
    for _ in range(7):
        start = time.process_time()
        work()
        times.append(time.process_time() - start)
    print(name, round(sorted(times)[3] / units * 1e9, 3), flush=True)


def films():
    index = [1.58, 2.1, 4.2 + 1.9j, 2.1, 0.06 + 4.2j, 1.58]
    thick = [np.inf, 80.0, 20.0, 20.0, 120.0, np.inf]
    report("c1_tmm", 300, lambda: [tmm.coh_tmm("s", index, thick, 0.0, 650.0) for _ in range(300)])


def profile(cells, layers):
    k, c = np.full(cells, 0.22), np.full(cells, 1.4e6)
    for first, end, conductivity, capacity in layers:
        k[first:end], c[first:end] = conductivity, capacity
    return k, c


def depth_rates(k, c, dz, dt):
    link = 2 * k[1:] * k[:-1] / (k[1:] + k[:-1]) / dz**2 * dt
    return np.r_[0, link] / c, np.r_[link, 0] / c


def explicit():
    nx, ny, nz, dx = 128, 64, 48, 25e-9
    layers = [(16, 20, 0.6, 2e6), (20, 24, 0.5, 1.3e6), (24, 28, 170, 2.4e6), (28, 30, 0.6, 2.4e6)]
    k, c = profile(nz, layers)
    dt = 0.12 * dx * dx / (170 / 2.4e6)
    a = k / c * dt / dx**2
    up, down = depth_rates(k, c, dx, dt)
    field = np.zeros((nx, ny, nz))
    spot = np.exp(-((np.arange(nx) - 64) ** 2)[:, None] / 80 - (np.arange(ny) ** 2)[None] / 80)
    heated = np.zeros(nz)
    heated[20:24] = 1

    def step():
        change = spot[:, :, None] * heated
        for axis in (0, 1):
            d = np.diff(field, axis=axis) * a
            lower = [slice(None)] * 3
            upper = [slice(None)] * 3
            lower[axis], upper[axis] = slice(None, -1), slice(1, None)
            change[tuple(lower)] += d
            change[tuple(upper)] -= d
        d = np.diff(field, axis=2)
        change[:, :, :-1] += d * down[:-1]
        change[:, :, 1:] -= d * up[1:]
        np.add(field, change, out=field)

    report("h1_numpy", 5 * field.size, lambda: [step() for _ in range(5)])


def bands(lower, upper):
    m = np.zeros((3,) + lower.shape)
    m[0, ..., 1:], m[1], m[2, ..., :-1] = -upper[..., :-1], 1 + lower + upper, -lower[..., 1:]
    return m


def implicit():
    nx, ny, nz = 96, 48, 48
    layers = [(16, 24, 0.6, 2e6), (24, 26, 0.5, 1.3e6), (28, 40, 170, 2.4e6)]
    k, c = profile(nz, layers)
    a = k / c * 1e-9 / (40e-9) ** 2
    depth = bands(*depth_rates(k, c, 10e-9, 1e-9))

    def plane(n):
        low, high = np.ones(n), np.ones(n)
        low[0] = high[-1] = 0
        return [bands(rate * low, rate * high) for rate in a]

    along, across = plane(nx), plane(ny)
    field = np.ones((nz, nx, ny))
    solve = scipy.linalg.solve_banded

    def step():
        nonlocal field
        for z in range(nz):
            t = solve((1, 1), along[z], field[z], check_finite=False)
            field[z] = solve((1, 1), across[z], t.T, check_finite=False).T
        field = solve((1, 1), depth, field.reshape(nz, -1), check_finite=False).reshape(nz, nx, ny)

    report("h3_scipy", field.size, step)


def rings():
    nr, nz = 200, 120
    layers = [(40, 56, 0.6, 2e6), (56, 60, 0.5, 1.3e6), (64, 88, 170, 2.4e6)]
    k, c = profile(nz, layers)
    r = np.arange(nr) + 0.5
    out = (np.arange(nr) + 1) / r
    out[-1] = 0
    rate = k / c * 50e-12 / (10e-9) ** 2
    # The rings of all depths as one long system: no coupling from one depth to the next.
    lower, upper = np.outer(rate, np.arange(nr) / r).ravel(), np.outer(rate, out).ravel()
    radial, depth = bands(lower, upper), bands(*depth_rates(k, c, 5e-9, 50e-12))
    field = np.ones((nr, nz))

    def step():
        nonlocal field
        t = scipy.linalg.solve_banded((1, 1), radial, field.T.ravel(), check_finite=False).reshape(nz, nr)
        field = scipy.linalg.solve_banded((1, 1), depth, t, check_finite=False).T

    report("h2_scipy", 10 * field.size, lambda: [step() for _ in range(10)])


def rf():
    rng = np.random.default_rng(1)
    count = 1 << 19
    levels = (np.cumsum(rng.random(count) < 0.25) % 2 * 2 - 1).astype(np.float32)
    taps = np.exp(-((np.arange(31) - 15) * 0.59) ** 2).astype(np.float32)
    taps /= taps.sum()

    def synthesis():
        s = scipy.signal.oaconvolve(levels, taps, "same") + np.float32(0.03) * rng.standard_normal(count, np.float32)
        return np.clip(s * 100 + 128, 0, 255).astype(np.uint8)

    report("c3_oaconvolve", count, synthesis)
    samples = scipy.signal.oaconvolve(np.repeat(levels, 4), np.repeat(taps, 4) / 4, "same")[:count]
    samples = (samples + 0.03 * rng.standard_normal(count)).astype(np.float32)
    equaliser = np.array([-0.05, 0, 0, -0.1, 0, 0, 1.3, 0, 0, -0.1, 0, 0, -0.05], np.float32)
    high_pass = scipy.signal.butter(1, 5e3 / 52.3e6, "high")

    def analysis():
        y = scipy.signal.lfilter(*high_pass, np.convolve(samples, equaliser, "same"))
        at = np.flatnonzero((y[1:] >= 0) != (y[:-1] >= 0))
        width = np.diff(at + y[at] / (y[at] - y[at + 1])) / 4
        near = np.rint(width)
        good = (near >= 3) & (near <= 14)
        blocks = y[: count // 4096 * 4096].reshape(-1, 4096)
        return (
            np.std((width - near)[good]),
            np.bincount(near[good].astype(int), minlength=16),
            np.mean(blocks.max(1) - blocks.min(1)),
            np.percentile(y, [1, 50, 99]),
        )

    report("d_full", count, analysis)


def compiled():
    import numba

    @numba.njit(fastmath=True)
    def servo(n):
        w, x, v, total, before, out = 2 * np.pi * 40, 0.0, 0.0, 0.0, 0.0, 0.0
        for i in range(n):
            error = 100e-6 * np.sin(2 * np.pi * 23 * i * 5e-6) - x
            u = error / 3e-6
            s = u * np.exp(-0.5 * u * u)
            total += s * 2e-4
            drive = 0.8 * s + total + 12 * (s - before)
            before = s
            v += (w * w * (1.2e-3 * drive - x) - 0.2 * w * v) * 5e-6
            x += v * 5e-6
            out += error * error
        return out

    report("c4_numba", 400_000, lambda: servo(400_000))


films()
explicit()
implicit()
rings()
rf()
try:
    compiled()
except ImportError:
    pass
