/* Figures with sliders. The formulas are those of casestudies/sampling/closed_forms.py, of the truths
   of scenarios/retention.py and of recipes/monitoring.py, and a browser test holds them against each
   other. No library, no network, no animation. */
(() => {
  "use strict";

  const LEVEL = 0.95;
  const Z = 1.959963984540054; // P(|normal| <= Z) = LEVEL
  const CHI3 = 7.814727903251178; // P(chi-squared with 3 degrees <= CHI3) = LEVEL

  // Distributions

  const pdf = (x) => Math.exp(-x * x / 2) / Math.sqrt(2 * Math.PI);

  function cdf(x) {
    if (Math.abs(x) > 8.3) return x > 0 ? 1 : 0;
    let sum = x, term = x;
    for (let i = 3; Math.abs(term) > 1e-18 * Math.abs(sum); i += 2) {
      term *= x * x / i;
      sum += term;
    }
    return 0.5 + sum * pdf(x);
  }

  /* P(|T| <= t) for Student's t, with s = t / sqrt(df + t^2), as a finite sum. */
  function studentWithin(s, df) {
    const odd = df % 2, rest = 1 - s * s;
    let sum = 0, term = 1;
    for (let i = 1 + odd; i < df; i += 2) {
      sum += term;
      term *= rest * i / (i + 1);
    }
    if (!odd) return s * sum;
    return 2 / Math.PI * (Math.asin(s) + s * Math.sqrt(rest) * sum);
  }

  /* Return the critical value t, its s = t / sqrt(df + t^2), and the slope of P at s = 0. */
  const critical = remembered((df) => {
    let slope = df % 2 ? 2 / Math.PI : 1;
    for (let i = df % 2 ? 1 : 2; i < df; i += 2) slope *= (i + 1) / i;
    let s = Z / Math.sqrt(df + Z * Z);
    for (let i = 0; i < 20; i++) {
      s += (LEVEL - studentWithin(s, df)) / (slope * (1 - s * s) ** (df / 2 - 1));
    }
    return { t: s * Math.sqrt(df / (1 - s * s)), s, slope };
  });

  /* Sum weight_j below_j, where below_{j+1} = below_j - step_j. */
  function mixture(weight, grow, step, shrink, below = LEVEL) {
    let total = 0;
    for (let j = 0; step > 1e-18; j++) {
      total += weight * below;
      below -= step;
      weight *= grow(j);
      step *= shrink(j);
    }
    return total;
  }

  function remembered(compute) {
    const known = new Map();
    return (key) => {
      if (!known.has(key)) known.set(key, compute(key));
      return known.get(key);
    };
  }

  // Confounding: casestudies.sampling.closed_forms.confounded_slopes

  function slopes(traffic, rows) {
    const varX = 25 * 2.25 + 16, left = traffic ** 2 * 2.25 * 16 / varX + 100;
    const effect = 0.5, limit = effect + traffic * 5 * 2.25 / varX;
    const error = Math.sqrt(left / varX / (rows - 3));
    const adjustedError = Math.sqrt(100 / 16 / (rows - 4));
    const half = error * critical(rows - 2).t;
    const adjustedHalf = adjustedError * critical(rows - 3).t;
    const pull = (limit - effect) ** 2 * varX;
    return {
      effect, limit, error, low: limit - half, high: limit + half,
      coverage: slopeCoverage(rows, pull / (pull + left)),
      adjustedError, adjustedLow: effect - adjustedHalf, adjustedHigh: effect + adjustedHalf,
    };
  }

  function slopeCoverage(rows, r2) {
    const { s, slope } = critical(rows - 2), b = rows / 2 - 1, h = (rows - 1) / 2;
    const first = slope * s * (1 - s * s) ** b;
    return mixture(
      (1 - r2) ** h, (j) => r2 * (h + j) / (j + 1),
      first, (j) => s * s * (j + 0.5 + b) / (j + 1.5),
    );
  }

  // Parallel trends: casestudies.sampling.closed_forms.drifting_event_study and drifting_did

  const TIMES = [-4, -3, -2, -1, 0, 1, 2, 3];
  const WEIGHTS = [-0.25, -0.25, -0.25, -0.25, 0.25, 0.25, 0.25, 0.25];
  const ATT = -2 - 0.5 * 0.7 * Math.sqrt(2 / Math.PI);

  function eventCovariance(drift, hospitals) {
    const gamma = drift / (2 * 0.7 * Math.sqrt(2 / Math.PI)), within = 1 - 0.49 * 2 / Math.PI;
    const fade = (j, k) => 0.8 ** Math.abs(j - k);
    const weight = (k, drug) => gamma * (k + 1) - (drug && k >= 0 ? 0.5 : 0);
    return TIMES.map((j) => TIMES.map((k) => {
      const own = fade(j, k) - fade(j, -1) - fade(-1, k) + 1;
      const noise = j === -1 || k === -1 ? 0 : 0.41 * (j === k ? 2 : 1);
      const burden = [0, 1].map((drug) => within * weight(j, drug) * weight(k, drug));
      return 2 / hospitals * (2 * (own + noise) + burden[0] + burden[1]);
    }));
  }

  /* Solve a small symmetric system by elimination. */
  function solve(matrix, right) {
    const a = matrix.map((row, i) => [...row, right[i]]), n = a.length;
    for (let p = 0; p < n; p++) {
      for (let i = 0; i < n; i++) {
        if (i === p) continue;
        const share = a[i][p] / a[p][p];
        for (let k = p; k <= n; k++) a[i][k] -= share * a[p][k];
      }
    }
    return a.map((row, i) => row[n] / row[i]);
  }

  const dot = (a, b) => a.reduce((sum, value, i) => sum + value * b[i], 0);

  /* P(noncentral chi-squared <= CHI3) with 3 and with 5 degrees of freedom. */
  function passes(shift) {
    const y = CHI3 / 2, step = y ** 1.5 * Math.exp(-y) / (0.75 * Math.sqrt(Math.PI));
    const weight = Math.exp(-shift / 2), grow = (j) => shift / 2 / (j + 1);
    return {
      three: mixture(weight, grow, step, (j) => y / (j + 2.5)),
      five: mixture(weight, grow, step * y / 2.5, (j) => y / (j + 3.5), LEVEL - step),
    };
  }

  function did(drift, hospitals) {
    const covariance = eventCovariance(drift, hospitals), bias = 4 * drift;
    const error = Math.sqrt(dot(WEIGHTS, covariance.map((row) => dot(row, WEIGHTS))));
    const mean = TIMES.map((k) => drift * (k + 1) + (k < 0 ? 0 : ATT));
    const before = mean.slice(0, 3);
    const solved = solve(covariance.slice(0, 3).map((row) => row.slice(0, 3)), before);
    const { three, five } = passes(dot(before, solved));
    const pull = dot(covariance.slice(0, 3).map((row) => dot(row, WEIGHTS)), solved);
    return {
      att: ATT, estimate: ATT + bias, bias, error,
      low: ATT + bias - Z * error, high: ATT + bias + Z * error,
      coverage: cdf(Z - bias / error) - cdf(-Z - bias / error),
      power: 1 - three,
      biasIfPassed: bias + pull * (five / three - 1),
      mean, errors: covariance.map((row, i) => Math.sqrt(row[i])),
    };
  }

  // One instrument: casestudies.sampling.closed_forms.iv_error_density and iv_error_summary

  /* The error U / V is the tangent of an angle; what the angle's density is made of. */
  function atAngle(angle, mu, rho) {
    const k = 1 - rho * Math.sin(2 * angle), own = Math.sqrt(1 - rho * rho);
    const r = mu * (Math.cos(angle) - rho * Math.sin(angle)) / (Math.sqrt(k) * own);
    return { k, own, r, lead: own / k * pdf(mu * Math.sin(angle) / Math.sqrt(k)) };
  }

  function angleDensity(angle, mu, rho) {
    const { r, lead } = atAngle(angle, mu, rho);
    return lead * (2 * pdf(r) + r * (2 * cdf(r) - 1));
  }

  function ivDensity(error, meanF, rho) {
    return angleDensity(Math.atan(error), Math.sqrt(meanF - 1), rho) / (1 + error * error);
  }

  /* The part of the angle's density in which |t| <= Z. */
  function coveredDensity(angle, mu, rho) {
    const { k, own, r, lead } = atAngle(angle, mu, rho);
    const c = Z * k / (Math.abs(Math.sin(angle) * Math.cos(angle)) * own);
    const side = (m) => m * (cdf(c - m) - cdf(-m)) + pdf(m) - pdf(c - m);
    return lead * (side(r) + side(-r));
  }

  function simpson(f, from, to, panels) {
    const h = (to - from) / panels;
    let sum = 0, left = f(from);
    for (let i = 0; i < panels; i++) {
      const right = f(from + (i + 1) * h);
      sum += left + 4 * f(from + (i + 0.5) * h) + right;
      left = right;
    }
    return sum * h / 6;
  }

  /* Return the angle below which a share of the distribution lies. */
  function angleOf(share, mu, rho) {
    const f = (angle) => angleDensity(angle, mu, rho), panels = 1024, h = Math.PI / panels;
    let from = -Math.PI / 2, below = 0;
    for (let i = 0; i < panels; i++) {
      const more = simpson(f, from, from + h, 1);
      if (below + more > share) break;
      below += more;
      from += h;
    }
    let low = from, high = from + h;
    for (let i = 0; i < 45; i++) {
      const middle = (low + high) / 2;
      if (below + simpson(f, from, middle, 1) > share) high = middle; else low = middle;
    }
    return (low + high) / 2;
  }

  /* P(|t| <= Z) given V = v, where v^2 > Z^2: an interval of U. */
  function coveredGiven(v, mu, rho) {
    const a = v * v - Z * Z, b = rho * Z * Z * v, root = Math.sqrt(b * b + a * (Z * v) ** 2);
    const mean = rho * (v - mu), spread = Math.sqrt(1 - rho * rho);
    return cdf(((root - b) / a - mean) / spread) - cdf(((-root - b) / a - mean) / spread);
  }

  function iv(meanF, rho, screen = 10) {
    const mu = Math.sqrt(meanF - 1), least = Math.sqrt(screen);
    const passing = (v) => coveredGiven(v, mu, rho) * pdf(v - mu);
    const share = cdf(mu - least) + cdf(-mu - least);
    const covered = simpson(passing, least, Math.max(mu, least) + 9, 600)
      + simpson(passing, Math.min(mu, -least) - 9, -least, 600);
    const f = (angle) => angleDensity(angle, mu, rho);
    return {
      median: Math.tan(angleOf(0.5, mu, rho)),
      coverage: simpson((angle) => coveredDensity(angle, mu, rho), 1e-9, Math.PI + 1e-9, 1024),
      passes: share, coverageIfPassed: covered / share,
      outside: 1 - simpson(f, Math.atan(-1.5), Math.atan(1.5), 1024),
    };
  }

  // Weights over months: the effective share of casestudies.scenarios.retention

  const PEOPLE = 3000;
  const expit = (v) => 1 / (1 + Math.exp(-v));
  const KINDS = [0, 1].flatMap((senior) => [0, 1].map((prestige) => ({
    senior, prestige, share: 0.5 * (prestige ? 0.3 + 0.4 * senior : 0.7 - 0.4 * senior),
  })));

  /* Carry the mass of each strain a month on, if the shares take no project and one. */
  function aMonthLater(mass, shares, senior) {
    const moved = [0, 0, 0];
    mass.forEach((there, strain) => shares(strain).forEach((share, a) => {
      const kept = there * share * (1 - expit(-4.6 + 0.9 * strain - 0.8 * a - 0.3 * senior));
      const move = a ? 0.45 - 0.15 * senior : 0.4, to = a ? Math.min(strain + 1, 2) : Math.max(strain - 1, 0);
      moved[to] += kept * move;
      moved[strain] += kept * (1 - move);
    }));
    return moved;
  }

  /* E[W R], E[W^2 R] and P(R) in a month: R is being there, W the product of the ratios to date. */
  function moments(factor, months) {
    const total = { weight: 0, square: 0, there: 0 };
    for (const { senior, prestige, share } of KINDS) {
      const odds = (strain) => Math.exp(-0.8 + 1.6 * prestige - 0.6 * strain);
      const old = (strain) => [1 / (1 + odds(strain)), 1 - 1 / (1 + odds(strain))];
      const now = (strain) => [1 / (1 + factor * odds(strain)), 1 - 1 / (1 + factor * odds(strain))];
      const square = (strain) => now(strain).map((p, a) => p * p / old(strain)[a]);
      let logged = [share, 0, 0], own = logged, squared = logged;
      for (let t = 1; t < months; t++) {
        logged = aMonthLater(logged, old, senior);
        own = aMonthLater(own, now, senior);
        squared = aMonthLater(squared, square, senior);
      }
      squared.forEach((mass, strain) => {
        total.weight += own[strain];
        total.there += logged[strain];
        total.square += mass * (square(strain)[0] + square(strain)[1]);
      });
    }
    return total;
  }

  function policy(factor, months) {
    const { weight, square, there } = moments(factor, months);
    return { there: PEOPLE * there, worth: PEOPLE * weight * weight / square };
  }

  // Repeated looks: casestudies.recipes.monitoring.repeated_looks

  const YEAR = 52;

  /* Return the nodes and weights of the Gauss-Legendre rule on [-1, 1]. */
  const legendre = remembered((n) => Array.from({ length: n }, (_, i) => {
    let x = Math.cos(Math.PI * (i + 0.75) / (n + 0.5)), slope = 1;
    for (let step = 0; step < 8; step++) {
      let before = 1, value = x;
      for (let k = 2; k <= n; k++) [before, value] = [value, ((2 * k - 1) * x * value - (k - 1) * before) / k];
      slope = n * (x * value - before) / (x * x - 1);
      x -= value / slope;
    }
    return { x, w: 2 / ((1 - x * x) * slope * slope) };
  }));

  /* The chance to have left +-c sqrt(k) by look k, for the sum of k standard normal steps. */
  const ringing = remembered((c) => {
    const rule = legendre(24 + Math.floor(4 * c * Math.sqrt(YEAR))), beyond = (v) => cdf(-v);
    let density = rule.map(({ x }) => pdf(c * x)), rung = 2 * beyond(c);
    const chances = [rung];
    for (let k = 1; k < YEAR; k++) {
      const edge = c * Math.sqrt(k), next = c * Math.sqrt(k + 1);
      const from = rule.map(({ x, w }, i) => ({ at: edge * x, mass: edge * w * density[i] }));
      rung += from.reduce((sum, { at, mass }) => sum + mass * (beyond(next - at) + beyond(next + at)), 0);
      density = rule.map(({ x }) => from.reduce((sum, { at, mass }) => sum + mass * pdf(at - next * x), 0));
      chances.push(rung);
    }
    return chances;
  });

  function alarms(threshold, looks) {
    const one = 2 * cdf(-threshold), toDate = ringing(threshold).slice(0, looks);
    const each = toDate.map((_, i) => 1 - (1 - one) ** (i + 1));
    return { one, each: each[looks - 1], toDate: toDate[looks - 1], eachByLook: each, toDateByLook: toDate };
  }

  // Words and numbers

  const number = (x, digits = 2) => x.toFixed(digits).replace("-", "−").replace(/^−(0\.?0*)$/, "$1");
  const signed = (x, digits = 2) => (x > 0 ? "+" : "") + number(x, digits);
  const whole = (x) => x.toFixed(0).replace("-", "−").replace(/\B(?=(\d{3})+$)/g, ",");
  const to = (low, high) => `from ${number(low)} to ${number(high)}`;

  function percent(p) {
    if (p < 0.001) return "less than 0.1%";
    return p > 0.999 ? "more than 99.9%" : `${(100 * p).toFixed(1)}%`;
  }

  // Pictures

  const HEIGHT = 340;

  /* Return linear (or logarithmic) scales and the pieces that every picture is made of. */
  function canvas(width, xs, ys, options = {}) {
    const box = { left: 50, right: width - 30, top: options.top ?? 12, bottom: HEIGHT - 42 };
    const walk = options.logarithmic ? Math.log10 : (v) => v;
    const x = (v) => box.left + (walk(v) - walk(xs[0])) / (walk(xs[1]) - walk(xs[0])) * (box.right - box.left);
    const y = (v) => box.bottom - (v - ys[0]) / (ys[1] - ys[0]) * (box.bottom - box.top);
    const path = (points) => "M" + points.map(([a, b]) => `${x(a).toFixed(2)},${y(b).toFixed(2)}`).join("L");
    return { box, x, y, path };
  }

  const line = (role, d) => `<path class="line ${role}" d="${d}"/>`;
  const text = (x, y, words, anchor = "middle", kind = "ground") =>
    `<text class="${kind}" x="${x.toFixed(2)}" y="${y.toFixed(2)}" text-anchor="${anchor}">${words}</text>`;
  const segment = (role, x1, y1, x2, y2) => line(role, `M${x1.toFixed(2)},${y1.toFixed(2)}L${x2.toFixed(2)},${y2.toFixed(2)}`);

  const dotMark = (role, x, y, open = "") =>
    `<circle class="mark ${role} ${open}" cx="${x.toFixed(2)}" cy="${y.toFixed(2)}" r="4.5"/>`;
  const diamond = (x, y) =>
    `<path class="mark naive" d="M${x.toFixed(2)},${(y - 6.5).toFixed(2)}l6.5,6.5l-6.5,6.5l-6.5,-6.5z"/>`;

  function axes({ box, x, y }, xTicks, yTicks, xName, yName) {
    const parts = [`<path class="axis" d="M${box.left},${box.top}V${box.bottom}H${box.right}"/>`];
    for (const [value, label] of xTicks) {
      parts.push(`<path class="axis" d="M${x(value).toFixed(2)},${box.bottom}v5"/>`);
      parts.push(text(x(value), box.bottom + 18, label, "middle", "x-tick"));
    }
    const digits = yTicks.some((value) => value % 1) ? 1 : 0;
    for (const value of yTicks) {
      parts.push(`<path class="axis" d="M${box.left},${y(value).toFixed(2)}h-5"/>`);
      parts.push(text(box.left - 8, y(value) + 4, digits ? number(value, digits) : whole(value), "end", "y-tick"));
    }
    parts.push(text((box.left + box.right) / 2, box.bottom + 36, xName, "middle", "name"));
    const middle = (box.top + box.bottom) / 2;
    parts.push(`<text class="name" text-anchor="middle" transform="translate(12,${middle}) rotate(-90)">${yName}</text>`);
    return parts.join("");
  }

  const SIZES = [20, 50, 100, 200, 500, 1000, 2000, 5000, 10000, 20000, 50000, 100000];
  const GRID = Array.from({ length: 37 }, (_, i) => Math.round(20 * 10 ** (i / 10))).concat(100000);

  function drawSlopes(width, { traffic, rows }, now) {
    const c = canvas(width, [20, 1e5], [-1.2, 5], { logarithmic: true });
    const all = GRID.map((n) => [n, slopes(traffic, n)]);
    const band = (role, low, high) => {
      const lower = all.map(([n, a]) => [n, a[low]]), upper = all.map(([n, a]) => [n, a[high]]);
      return `<path class="band ${role}" d="${c.path([...lower, ...upper.reverse()])}Z"/>`;
    };
    const at = Math.min(Math.max(c.x(rows), c.box.left + 12), c.box.right - 12);
    const ticks = [[20, "20"], [100, "100"], [1000, "1,000"], [1e4, "10,000"], [1e5, "100,000"]];
    return [
      band("estimate", "adjustedLow", "adjustedHigh"), band("naive", "low", "high"),
      line("naive", c.path([[20, now.limit], [1e5, now.limit]])),
      line("truth", c.path([[20, now.effect], [1e5, now.effect]])),
      segment("naive", at - 5, c.y(now.low), at - 5, c.y(now.high)), diamond(at - 5, c.y(now.limit)),
      segment("estimate", at + 5, c.y(now.adjustedLow), at + 5, c.y(now.adjustedHigh)),
      dotMark("estimate", at + 5, c.y(now.effect)),
      text(c.box.right, c.y(now.limit) - 12, `dashboard ${number(now.limit)}`, "end"),
      text(c.box.right, c.y(now.effect) + 20, `ATE ${number(now.effect)}`, "end"),
      axes(c, ticks, [-1, 0, 1, 2, 3, 4, 5], "hours in the sample", "slope, ms per point of load"),
    ].join("");
  }

  function drawDid(width, { drift }, now) {
    const c = canvas(width, [-4.4, 5.2], [-6.9, 3.4]);
    const parts = [
      segment("hidden", c.x(-0.5), c.box.top, c.x(-0.5), c.box.bottom),
      line("hidden", c.path([[-4, -3 * drift], [3, 4 * drift]])),
      line("truth", c.path([[-4, 0], [-0.5, 0], [-0.5, ATT], [5.2, ATT]])),
    ];
    TIMES.forEach((k, i) => {
      const m = now.mean[i], half = Z * now.errors[i];
      parts.push(segment("estimate", c.x(k), c.y(m - half), c.x(k), c.y(m + half)));
      parts.push(dotMark("estimate", c.x(k), c.y(m), k === -1 ? "open" : ""));
    });
    parts.push(segment("naive", c.x(4.5), c.y(now.low), c.x(4.5), c.y(now.high)));
    parts.push(diamond(c.x(4.5), c.y(now.estimate)));
    const beside = drift < 0 ? c.y(now.low) + 18 : c.y(now.high) - 8;
    parts.push(text(c.x(4.5), beside, `DiD ${number(now.estimate)}`));
    parts.push(text(c.x(-0.6), c.y(ATT) + 4, `ATT ${number(ATT)}`, "end"));
    parts.push(text(c.x(3.2), c.y(4 * drift) + 4, "drift", "start"));
    const ticks = [...TIMES.map((k) => [k, number(k, 0)]), [4.5, "DiD"]];
    return parts.join("") + axes(c, ticks, [-6, -4, -2, 0, 2], "months since the drug started", "drug minus others, points");
  }

  function drawIv(width, { meanF, rho }, now) {
    const mu = Math.sqrt(meanF - 1), truth = 0.5;
    const grid = Array.from({ length: 601 }, (_, i) => -1 + i / 200);
    const curve = grid.map((e) => [e, ivDensity(e - truth, meanF, rho)]);
    const normal = grid.map((e) => [e, mu * pdf(mu * (e - truth))]);
    const peak = 1.05 * Math.max(...[...curve, ...normal].map((point) => point[1]));
    const c = canvas(width, [-1, 2], [0, peak], { top: 66 }), { top, bottom } = c.box;
    const step = [0.1, 0.2, 0.5, 1, 2].find((s) => peak / s < 6);
    const flag = (row, value, words) => {
      const end = c.x(value) + 7.5 * words.length > width;
      return text(c.x(value) + (end ? -6 : 6), top - 46 + 18 * row, words, end ? "end" : "start");
    };
    const median = truth + now.median;
    return [
      `<path class="band estimate" d="${c.path([[-1, 0], ...curve, [2, 0]])}Z"/>`,
      mu > 0 ? line("hidden", c.path(normal)) : "",
      line("estimate", c.path(curve)),
      segment("estimate", c.x(median), top - 38, c.x(median), bottom),
      segment("naive", c.x(truth + rho), top - 20, c.x(truth + rho), bottom),
      segment("truth", c.x(truth), top - 56, c.x(truth), bottom),
      diamond(c.x(truth + rho), bottom), dotMark("estimate", c.x(median), bottom),
      flag(0, truth, `ATE ${number(truth)}`), flag(1, median, `median of 2SLS ${number(median)}`),
      flag(2, truth + rho, `OLS ${number(truth + rho)}`),
      axes(c, [-1, -0.5, 0, 0.5, 1, 1.5, 2].map((v) => [v, number(v, 1)]),
        Array.from({ length: Math.floor(peak / step) + 1 }, (_, i) => Math.round(10 * i * step) / 10),
        "2SLS estimate, wage per unit of schooling", "density"),
    ].join("");
  }

  const FACTORS = ["1/16", "1/12", "1/8", "1/6", "1/4", "1/3", "1/2", "2/3", "4/5", "1",
    "5/4", "3/2", "2", "3", "4", "6", "8", "12", "16"];
  const ratio = (words) => words.split("/").map(Number).reduce((above, below) => above / below);
  const FINE = Array.from({ length: 97 }, (_, i) => 2 ** (i / 12 - 4));

  function drawPolicy(width, { factor, months }, now) {
    const c = canvas(width, [1 / 16, 16], [0, 3200], { logarithmic: true });
    const curve = (upTo) => FINE.map((f) => [f, policy(f, upTo).worth]);
    const shown = curve(months), x = c.x(factor), room = 60;
    const side = x < c.box.left + room ? "start" : x > c.box.right - room ? "end" : "middle";
    return [
      `<path class="band estimate" d="${c.path([[1 / 16, 0], ...shown, [16, 0]])}Z"/>`,
      line("hidden", c.path(curve(1))), line("estimate", c.path(shown)),
      line("naive", c.path([[1 / 16, now.there], [16, now.there]])),
      diamond(x, c.y(now.there)), dotMark("estimate", x, c.y(now.worth)),
      text(c.box.left + 6, c.y(now.there) - 9, `in the log ${whole(now.there)}`, "start"),
      text(x, c.y(now.worth) + (now.worth < 500 ? -12 : 22), `worth ${fewest(now.worth)}`, side),
      axes(c, ["1/16", "1/4", "1", "4", "16"].map((w) => [ratio(w), w]), [0, 1000, 2000, 3000],
        "odds of a project, times the old", "people"),
    ].join("");
  }

  function drawAlarms(width, { looks }, now) {
    const c = canvas(width, [0, YEAR], [0, 100], { top: 28 }), apart = YEAR / looks;
    const stairs = (chances) => chances.reduce((points, p, i) => {
      const before = points[points.length - 1][1];
      return [...points, [(i + 1) * apart, before], [(i + 1) * apart, 100 * p]];
    }, [[0, 0]]);
    const last = [now.each, now.toDate].map((p) => c.y(100 * p)), same = looks === 1;
    const close = last[1] - last[0] < 34; // then one label stands above the other
    return [
      line("truth", c.path([[0, 100 * now.one], [YEAR, 100 * now.one]])),
      line("naive", c.path(stairs(now.eachByLook))), line("naive dashed", c.path(stairs(now.toDateByLook))),
      diamond(c.x(YEAR), last[0]), dotMark("naive", c.x(YEAR), last[1], "open"),
      text(c.box.right - 10, last[0] - (close && !same ? 30 : 12),
        same ? `one look ${percent(now.one)}` : `each look's own data ${percent(now.each)}`, "end"),
      same ? "" : text(c.box.right - 10, (close ? last[0] : last[1]) - 12, `all data to date ${percent(now.toDate)}`, "end"),
      axes(c, [0, 13, 26, 39, 52].map((v) => [v, `${v}`]), [0, 20, 40, 60, 80, 100],
        "week", "quiet years that have rung, %"),
    ].join("");
  }

  // What a screen reader hears when the sliders rest

  function ofTheOld(factor) {
    const words = FACTORS.find((written) => ratio(written) === factor);
    return factor === 1 ? "the old ones" : `${words} ${factor < 1 ? "of" : "times"} the old`;
  }

  const fewest = (people) => (people < 1 ? "less than 1" : whole(people));
  const often = (looks) => (looks === 1 ? "once, after 52 weeks" : looks === YEAR ? "every week" : `every ${YEAR / looks} weeks`);
  const longer = (months) => (months === 1 ? "1 month" : `${months} months`);

  function sayPolicy(now, { factor, months }) {
    const first = months === 1 ? "" : ` After one month they were worth ${fewest(policy(factor, 1).worth)}.`;
    const worth = factor === 1
      ? "This is the old rule: every weight is 1, and they are worth as many."
      : `For the new rule they are worth ${fewest(now.worth)}.${first}`;
    const odds = factor === 1 ? "The old odds" : `Odds ${ofTheOld(factor)}`;
    return `${odds}, ${longer(months)}. Of ${whole(PEOPLE)} people, ${whole(now.there)} are there in month `
      + `${months}. ${worth}`;
  }

  function sayAlarms(now, { threshold, looks }) {
    const rule = `Threshold ${number(threshold)} standard errors, looked at ${often(looks)}.`;
    const single = `rings falsely in ${percent(now.one)} of quiet years`;
    if (looks === 1) return `${rule} One look ${single}; there is only one set of data, and both tests are the same.`;
    return `${rule} One look ${single}. By the end of the year a test of each look's own data has rung in `
      + `${percent(now.each)}, a test of all data to date in ${percent(now.toDate)}.`;
  }

  function saySlopes(now, { traffic, rows }) {
    const truth = traffic === 0 ? "this is the ATE, for nothing is confounded" : `the ATE is ${number(now.effect)}`;
    return `${whole(rows)} hours, traffic adds ${traffic} ms. The dashboard's slope is ${number(now.limit)} ms per point `
      + `on average, interval ${to(now.low, now.high)}; ${truth}. Of such intervals, ${percent(now.coverage)} cover the ATE. `
      + `With traffic in the regression the slope is ${number(now.effect)}, interval `
      + `${to(now.adjustedLow, now.adjustedHigh)}, and 95.0% cover.`;
  }

  function sayDid(now, { drift, hospitals }) {
    const still = drift === 0;
    const off = still ? "as it should be" : `off by ${signed(now.bias)}, ${number(Math.abs(now.bias) / now.error, 1)} standard errors`;
    const passed = 1 - now.power > 1e-6 && !still
      ? ` In regions where it finds nothing, DiD is still off by ${signed(now.biasIfPassed)} on average.` : "";
    return `${hospitals} hospitals, drift ${signed(drift)} points a month. The ATT is ${number(now.att)}. DiD is `
      + `${number(now.estimate)} on average, ${off}; interval ${to(now.low, now.high)}. Of such intervals, `
      + `${percent(now.coverage)} cover the ATT. The test of the months before `
      + `${still ? "raises a false alarm" : "finds the drift"} in ${percent(now.power)} of regions.${passed}`;
  }

  function sayIv(now, { meanF, rho }) {
    const share = rho === 0 ? "and OLS is right too"
      : `${percent(now.median / rho)} of the way to OLS, which says ${number(0.5 + rho)}`;
    return `Mean F ${meanF}, errors correlated ${number(rho)}. The ATE is ${number(0.5)}. The median of 2SLS is `
      + `${number(0.5 + now.median)}, ${share}. Of the 95% intervals, ${percent(now.coverage)} cover the ATE. F exceeds 10 in `
      + `${percent(now.passes)} of samples; of the intervals in those, ${percent(now.coverageIfPassed)} cover. Of the estimates, `
      + `${percent(now.outside)} lie outside the picture.`;
  }

  // Wiring

  const STRENGTHS = [1, 1.5, 2, 3, 4, 5, 7, 10, 15, 20, 30, 50, 75, 105, 150, 200];
  const HOSPITALS = [20, 40, 80, 160, 320, 640];

  const FIGURES = {
    slopes: {
      compute: ({ traffic, rows }) => slopes(traffic, rows), draw: drawSlopes, say: saySlopes,
      knobs: {
        traffic: { value: (i) => i, words: (v) => `${v} ms` },
        rows: { value: (i) => SIZES[i], words: (v) => `${whole(v)} hours` },
      },
    },
    did: {
      compute: ({ drift, hospitals }) => did(drift, hospitals), draw: drawDid, say: sayDid,
      knobs: {
        drift: { value: (i) => i / 20, words: (v) => `${signed(v)} points a month` },
        hospitals: { value: (i) => HOSPITALS[i], words: (v) => `${v} hospitals` },
      },
    },
    iv: {
      compute: ({ meanF, rho }) => iv(meanF, rho), draw: drawIv, say: sayIv,
      knobs: {
        meanF: { value: (i) => STRENGTHS[i], words: (v) => `${v}` },
        rho: { value: (i) => i / 20, words: (v) => number(v) },
      },
    },
    policy: {
      compute: ({ factor, months }) => policy(factor, months), draw: drawPolicy, say: sayPolicy,
      knobs: {
        factor: { value: (i) => ratio(FACTORS[i]), words: ofTheOld },
        months: { value: (i) => i, words: longer },
      },
    },
    alarms: {
      compute: ({ threshold, looks }) => alarms(threshold, looks), draw: drawAlarms, say: sayAlarms,
      knobs: {
        threshold: { value: (i) => (160 + 4 * i) / 100, words: (v) => `${number(v)} standard errors` },
        looks: { value: (i) => [1, 2, 4, 13, 26, 52][i], words: often },
      },
    },
  };

  function start(box) {
    const { compute, draw, say, knobs } = FIGURES[box.dataset.moving];
    const svg = box.querySelector("svg"), summary = box.querySelector(".moving-summary");
    const inputs = [...box.querySelectorAll("input")];
    let timer = 0;

    function read() {
      return Object.fromEntries(inputs.map((input) => {
        const { value, words } = knobs[input.name], setting = value(input.valueAsNumber);
        input.setAttribute("aria-valuetext", words(setting));
        box.querySelector(`output[for="${input.id}"]`).textContent = words(setting);
        return [input.name, setting];
      }));
    }

    function show() {
      const setting = read(), now = compute(setting);
      const width = Math.max(260, Math.min(640, box.clientWidth - 24));
      svg.innerHTML = draw(width, setting, now);
      svg.setAttribute("viewBox", `0 0 ${width} ${HEIGHT}`);
      svg.setAttribute("width", width);
      Object.assign(box.dataset, setting, now);
      clearTimeout(timer);
      timer = setTimeout(() => { summary.textContent = say(now, setting); }, 250);
    }

    for (const part of box.querySelectorAll("[hidden]")) part.removeAttribute("hidden");
    const still = document.getElementById(box.dataset.still);
    if (still) still.hidden = true;
    inputs.forEach((input) => input.addEventListener("input", show));
    addEventListener("resize", show);
    show();
  }

  document.querySelectorAll("[data-moving]").forEach(start);
  window.seeItMove = Object.freeze({ slopes, did, iv, ivDensity, policy, alarms });
})();
