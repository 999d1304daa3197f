"""Where a face touches itself: lips and lids stop at each other, bilabials seal, blinks shut.

The template's basis is linear: an AU that lowers the upper lip does so whether or not the lower lip is in the way. The
truth that the motion model learns must not pass through itself, so gaps between the paired inner lips and lid margins
are corrected here. Everything stays linear in a few *drivers* per frame (23 intensities and one correction per margin
point), so training never has to touch 1855 points.
"""

from __future__ import annotations

import numpy as np
import scipy.sparse as sp
from scipy.sparse.csgraph import dijkstra

from ..core.facs import ARTICULATIONS, AU_INDEX, AU_NAMES
from ..core.template import FacialTemplate

_INTENSITIES = len(AU_NAMES) + len(ARTICULATIONS)
_PRESS = len(AU_NAMES) + ARTICULATIONS.index("lip_press")
_BLINK = AU_INDEX["AU45"]
# (upper margin, lower margin, share of a correction that the upper one takes, reach into the skin in metres)
_MARGINS: tuple[tuple[str, str, float, float], ...] = (
    ("lip_inner_upper", "lip_inner_lower", 0.5, 0.007),
    ("lid_upper_left", "lid_lower_left", 0.8, 0.005),
    ("lid_upper_right", "lid_lower_right", 0.8, 0.005),
)
_SHARP = 0.0012  # metres: how far one margin point's correction blends into the next one's


class TouchingFace:
    """Ground truth of the motion room for one template.

    generators: (D, V, 3) float32 metres: what one unit of each driver moves; the first 23 are the AU and articulation
    bases, the others move one margin point (and the skin around it) up by one metre.
    neutral_gaps: (P,) metres, gaps of all margin pairs of the neutral face, lips first (27), then left and right lids.
    """

    def __init__(self, template: FacialTemplate) -> None:
        self.lips = len(template.landmarks["lip_inner_upper"])
        upper = np.concatenate([template.landmarks[name] for name, *_ in _MARGINS])
        lower = np.concatenate([template.landmarks[name] for _, name, *_ in _MARGINS])
        share = np.concatenate([np.full(len(template.landmarks[name]), part) for name, _, part, _ in _MARGINS])
        self._share = share.astype(np.float32)
        linear = np.concatenate([template.au_basis, template.articulation_basis])
        graph = _edge_graph(template)
        ends = [(up, reach) for up, _, _, reach in _MARGINS] + [(low, reach) for _, low, _, reach in _MARGINS]
        lifts = [_lift(graph, template.landmarks[name], reach) for name, reach in ends]
        # Both margins' lifts (2 P, V) along z alone, the direction that gaps are measured in.
        upwards = np.zeros((2 * len(upper), len(template.neutral), 3), np.float32)
        upwards[..., 2] = np.concatenate(lifts)
        self.generators = np.concatenate([linear, upwards]).astype(np.float32)
        self.neutral_gaps = (template.neutral[upper, 2] - template.neutral[lower, 2]).astype(np.float32)
        # (23, P): how far one unit of each intensity opens each gap.
        self._gap_of = (linear[:, upper, 2] - linear[:, lower, 2]).astype(np.float32)

    def drivers(self, aus: np.ndarray, articulations: np.ndarray, neutral_gaps: np.ndarray | None = None) -> np.ndarray:
        """Drivers (T, D) of a face that stops at itself.

        aus: (T, 17) 0..1.
        articulations: (T, 6) 0..1.
        neutral_gaps: (P,) metres, of a head other than ours.
        """
        neutral_gaps = self.neutral_gaps if neutral_gaps is None else neutral_gaps
        intensities = np.concatenate([aus, articulations], axis=1).astype(np.float32)
        # g = g_0 + i G, i (T, 23), G (23, P): gaps as the linear basis leaves them, negative where lips or lids have
        # passed through each other.
        gap = neutral_gaps + intensities @ self._gap_of
        seal = np.empty_like(gap)
        seal[:, : self.lips] = np.clip((intensities[:, _PRESS, None] - 0.3) / 0.4, 0, 1)
        seal[:, self.lips :] = np.clip((intensities[:, _BLINK, None] - 0.6) / 0.35, 0, 1)
        # Wanted is max(g, 0) (1 - seal), (T, P); the upper margin moves by s c, the lower one by (s - 1) c, so that
        # the gap between them changes by all of c.
        wanted = np.maximum(gap, 0) * (1 - seal)
        change = wanted - gap
        return np.concatenate([intensities, self._share * change, (self._share - 1) * change], axis=1)

    def gaps(self, drivers: np.ndarray, neutral_gaps: np.ndarray | None = None) -> np.ndarray:
        """Gaps (T, P) metres of all margin pairs under drivers (T, D), each margin point's own correction counted."""
        neutral_gaps = self.neutral_gaps if neutral_gaps is None else neutral_gaps
        count = len(neutral_gaps)
        change = drivers[:, _INTENSITIES : _INTENSITIES + count] - drivers[:, _INTENSITIES + count :]
        return neutral_gaps + drivers[:, :_INTENSITIES] @ self._gap_of + change

    def offsets(self, aus: np.ndarray, articulations: np.ndarray) -> np.ndarray:
        """True offsets (T, V, 3) metres on the template itself: `template.displace` with contact resolved."""
        return np.tensordot(self.drivers(aus, articulations), self.generators, axes=1)


def _edge_graph(template: FacialTemplate) -> sp.csr_matrix:
    edges = np.concatenate([template.faces[:, [0, 1]], template.faces[:, [1, 2]], template.faces[:, [2, 0]]])
    # Every edge once, (E, 2) with the lower index first: the two triangles at it name it in opposite directions.
    edges = np.unique(np.sort(edges, axis=1), axis=0)
    length = np.linalg.norm(template.neutral[edges[:, 0]] - template.neutral[edges[:, 1]], axis=1)
    count = len(template.neutral)
    return sp.csr_matrix((length, (edges[:, 0], edges[:, 1])), shape=(count, count))


def _lift(graph: sp.csr_matrix, margin: np.ndarray, reach: float) -> np.ndarray:
    """Weights (P, V): how much each vertex follows each margin point, fading over `reach` metres along the skin.

    Along the skin, not through the air: the lower lip is near the upper one, yet not carried by it.
    """
    distance = dijkstra(graph, directed=False, indices=margin)
    # w_pv = softmax over p of -(d_pv - m_v) / SHARP, times exp(-(m_v / reach)²), m_v = min over p of d_pv, (P, V).
    # Shares sum to 1 before the fade, so a margin lifted as a whole takes its skin along as a whole.
    nearness = np.exp(-np.minimum((distance - distance.min(axis=0)) / _SHARP, 30.0))
    return nearness / nearness.sum(axis=0) * np.exp(-((distance.min(axis=0) / reach) ** 2))
