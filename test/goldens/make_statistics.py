"""Makes test/goldens/statistics.json with SciPy, pingouin and scikit-posthocs: values of the routines of src/statistics.

    python make_statistics.py OUT

statistics.json holds
  versions        of the packages that made it (the committed file: scipy 1.17.1, numpy 2.4.6, pingouin 0.7.0, scikit-posthocs 0.17.1)
  distributions   by name, rows of arguments and the value
  clopperPearson  rows of successes, n, level, low, high
  mcnemar         rows of the two discordant counts and p
  samples         paired: three systems on 30 items, with ties; groups: three independent groups; small: nine differences
                  without ties; tied: 40 differences with ties and zeros
  tests           by name, the values on those samples
  bca             data, and the interval of the mean of 200,000 resamples; stratified data have none

Needs: pip install scipy pingouin scikit-posthocs
"""

import json
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pingouin
import scikit_posthocs
import scipy
from scipy import stats

PAIRS = [(0, 1), (0, 2), (1, 2)]


def distributions() -> dict:
    z = [-30.0, -10.0, -2.5, -0.3, 0.0, 1.0, 5.5]
    p = [1e-300, 1e-12, 0.025, 0.3, 0.5, 0.9, 0.975, 1 - 1e-9]
    t = [(0.0, 3), (-1.897367, 5.882353), (2.5, 1), (12.0, 30), (40.0, 53), (0.001, 1e6)]
    f = [(27.0, 2, 6), (0.1, 3, 40), (3.7, 4.2, 17.9), (250.0, 5, 265), (1.0, 1, 1)]
    chi = [(0.0, 2), (7.2, 2), (0.5, 1), (90.0, 5), (600.0, 5), (4.3, 17)]
    binomial = [(0, 5, 0.5), (2, 6, 0.5), (40, 100, 0.5), (3, 2000, 0.01), (7, 7, 0.3)]
    beta = [(0.025, 3, 8), (0.975, 4, 7), (0.025, 1, 20), (0.025, 900, 101), (0.9, 0.5, 0.5), (0.05, 2, 1999)]
    q = [(3.5, 3, 20), (10.392305, 3, 6), (5.196152, 3, 6), (0.4, 2, 5), (2.8497, 6, 1e9), (4.1, 6, 53), (12.0, 4, 12.5), (3.0, 10, 2), (6.0, 6, 300)]
    return {
        "normalCdf": [[x, stats.norm.cdf(x)] for x in z],
        "normalTwoSided": [[x, 2 * stats.norm.sf(abs(x))] for x in z],
        "normalQuantile": [[x, stats.norm.ppf(x)] for x in p],
        "tTwoSided": [[*x, 2 * stats.t.sf(abs(x[0]), x[1])] for x in t],
        "fTail": [[*x, stats.f.sf(*x)] for x in f],
        "chiSquareTail": [[*x, stats.chi2.sf(*x)] for x in chi],
        "binomialCdf": [[*x, stats.binom.cdf(*x)] for x in binomial],
        "betaQuantile": [[*x, stats.beta.ppf(*x)] for x in beta],
        "studentizedRangeTail": [[*x, stats.studentized_range.sf(*x)] for x in q],
    }


def clopper_pearson() -> list:
    rows = [(0, 10), (10, 10), (1, 29), (15, 148), (811, 1000), (50, 50_000)]
    result = []
    for level in (0.95, 0.99):
        for successes, n in rows:
            interval = stats.binomtest(successes, n).proportion_ci(level, "exact")
            result.append([successes, n, level, interval.low, interval.high])
    return result


def samples() -> dict:
    rng = np.random.default_rng(5)
    level = rng.normal(0, 1, 30)
    paired = [np.round(level + rng.normal(shift, 0.7, 30), 1) for shift in (0, 0.3, 0.8)]
    groups = [np.round(rng.normal(shift, spread, n), 1) for shift, spread, n in ((0, 1, 14), (1, 1.5, 20), (0.4, 3, 11))]
    small = np.array([0.31, -1.2, 2.7, 0.05, 1.9, -0.44, 3.3, 0.71, 1.13])
    tied = np.round(rng.normal(0.3, 1, 40) * 2) / 2
    skewed = np.round(rng.exponential(2, 25), 3)
    return {name: [list(map(float, x)) for x in value] if isinstance(value, list) else list(map(float, value))
            for name, value in dict(paired=paired, groups=groups, small=small, tied=tied, skewed=skewed).items()}


def tests(s: dict) -> dict:
    paired, groups, small, tied = s["paired"], s["groups"], np.array(s["small"]), np.array(s["tied"])
    long = pd.DataFrame([dict(item=i, system=k, value=v) for k, x in enumerate(paired) for i, v in enumerate(x)])
    grouped = pd.DataFrame([dict(group=k, value=v) for k, x in enumerate(groups) for v in x])
    rm = pingouin.rm_anova(long, dv="value", within="system", subject="item", correction=True, detailed=True).iloc[0]
    rm = {key.replace("-", "_"): value for key, value in rm.items()}
    error = pingouin.rm_anova(long, dv="value", within="system", subject="item", correction=True, detailed=True).iloc[1]
    welch = {key.replace("-", "_"): value for key, value in pingouin.welch_anova(grouped, dv="value", between="group").iloc[0].items()}
    tukey, howell = stats.tukey_hsd(*groups), stats.tukey_hsd(*groups, equal_var=False)
    exact, normal = stats.wilcoxon(small, method="exact"), stats.wilcoxon(tied, method="asymptotic", correction=True, zero_method="wilcox")
    small_u = stats.mannwhitneyu(small[:4], small[4:], method="exact")
    tied_u = stats.mannwhitneyu(groups[0], groups[1], method="asymptotic")
    dunn = scikit_posthocs.posthoc_dunn(groups, p_adjust=None).to_numpy()
    anova = stats.f_oneway(*groups)
    kruskal = stats.kruskal(*groups)
    levene = stats.levene(*groups, center="median")
    friedman = stats.friedmanchisquare(*paired)
    pair_t = stats.ttest_rel(paired[0], paired[1])
    welch_t = stats.ttest_ind(groups[0], groups[1], equal_var=False)
    return {
        "wilcoxonExact": [exact.statistic, exact.pvalue],
        "wilcoxonNormal": [normal.statistic, normal.pvalue],
        "mannWhitneyExact": [small_u.statistic, small_u.pvalue],
        "mannWhitneyNormal": [tied_u.statistic, tied_u.pvalue],
        "friedman": [friedman.statistic, friedman.pvalue],
        "repeatedMeasures": [rm["F"], rm["p_unc"], rm["eps"], rm["p_GG_corr"] if "p_GG_corr" in rm else rm["p_corr"], rm["DF"], error["DF"]],
        "pairedT": [pair_t.statistic, pair_t.pvalue],
        "welchT": [welch_t.statistic, welch_t.pvalue, welch_t.df],
        "kruskalWallis": [kruskal.statistic, kruskal.pvalue],
        "anova": [anova.statistic, anova.pvalue],
        "welchAnova": [welch["F"], welch["p_unc"], welch["ddof2"]],
        "brownForsythe": [levene.statistic, levene.pvalue],
        "dunn": [dunn[i, j] for i, j in PAIRS],
        "tukey": [tukey.pvalue[i, j] for i, j in PAIRS],
        "gamesHowell": [howell.pvalue[i, j] for i, j in PAIRS],
        "shapiro": [list(map(float, stats.shapiro(x))) for x in [small, tied, s["skewed"], *groups, *paired]],
    }


def bca(s: dict) -> list:
    result = []
    for x in (s["small"], s["skewed"]):
        interval = stats.bootstrap((x,), np.mean, n_resamples=200_000, method="BCa", rng=1, vectorized=True, batch=20_000).confidence_interval
        result.append(dict(data=x, low=interval.low, high=interval.high))
    return result


def main(out: Path) -> None:
    s = samples()
    result = dict(
        versions=dict(scipy=scipy.__version__, numpy=np.__version__, pingouin=pingouin.__version__, scikit_posthocs=scikit_posthocs.__version__),
        distributions=distributions(),
        clopperPearson=clopper_pearson(),
        mcnemar=[[b, c, stats.binomtest(b, b + c).pvalue] for b, c in ((1, 5), (0, 12), (30, 51), (7, 7))],
        samples=s,
        tests=tests(s),
        bca=bca(s),
    )
    (out / "statistics.json").write_text(json.dumps(result, default=float, indent=1) + "\n")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
