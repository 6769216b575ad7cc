"""The tools there are, and those that come from outside.

`TOOLS` is the extension point: a row here, a test, a row in docs/rules.md. From outside tools come by import string.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from importlib import import_module

from finesight.errors import ConfigError
from finesight.schema.plan import Step
from finesight.schema.taxonomy import DistortionType as T
from finesight.video.tool import Parameter, Tool


def _sharper(most: float, default: float) -> Parameter:
    return Parameter(least=0, most=most, default=default, says="how much of the edges is added")


_TOOLS = (
    Tool(
        name="bwdif",
        step=Step.DEINTERLACE,
        says="makes whole frames of fields, one of each two",
        filter="bwdif=mode=send_frame:parity=auto:deint=all",
        treats=(T.EDGE_ALIASING_EFFECT,),
        harms=(T.LOW_CLARITY,),
        radius=1,
        fps=1800,
    ),
    Tool(
        name="deblock",
        step=Step.DEBLOCK,
        says="evens out the edges of coding blocks",
        filter="deblock=filter=strong:block={block}:alpha={across}:beta={inside}:gamma={inside}:delta={inside}",
        parameters={
            "block": Parameter(
                least=4, most=64, default=8, kind="whole", stronger="none", says="size of the blocks in px"
            ),
            "across": Parameter(
                least=0, most=1, default=0.1, says="step across an edge up to which it is a block's"
            ),
            "inside": Parameter(
                least=0, most=1, default=0.05, says="step beside an edge up to which it is a block's"
            ),
        },
        treats=(T.BLOCKING_ARTIFACTS,),
        harms=(T.LOW_CLARITY,),
        fps=500,
    ),
    Tool(
        name="dering",
        step=Step.DEBLOCK,
        says="smooths ripples that are weaker than the edge beside them",
        filter="bilateral=sigmaS={reach}:sigmaR={ripple}:planes=1",
        parameters={
            "reach": Parameter(least=0.5, most=12, default=3, says="px over which it smooths"),
            "ripple": Parameter(
                least=0.01, most=0.5, default=0.1, says="step that is still a ripple, 1 is white"
            ),
        },
        treats=(T.EDGE_RINGING_EFFECT,),
        harms=(T.LOW_CLARITY,),
        fps=145,
    ),
    Tool(
        name="antialias",
        step=Step.DEBLOCK,
        says="softens luma until the stairs of an edge run into each other",
        filter="gblur=sigma={soft}:steps=2:planes=1",
        parameters={"soft": Parameter(least=0.1, most=4, default=0.8, says="px of blur")},
        treats=(T.EDGE_ALIASING_EFFECT,),
        harms=(T.LOW_CLARITY,),
        fps=550,
    ),
    Tool(
        name="hqdn3d",
        step=Step.DENOISE,
        says="smooths over space and time what changes little",
        filter="hqdn3d={luma}:{chroma}:{luma_time}:{chroma_time}",
        parameters={
            "luma": Parameter(least=0, most=100, default=8, says="strength over space"),
            "chroma": Parameter(least=0, most=100, default=8, says="strength over space, of colour"),
            "luma_time": Parameter(least=0, most=100, default=4, says="strength over time"),
            "chroma_time": Parameter(least=0, most=100, default=4, says="strength over time, of colour"),
        },
        treats=(T.NOISE,),
        harms=(T.LOW_CLARITY, T.MOTION_BLUR),
        conflicts=("nlmeans",),
        radius=5,
        fps=235,
    ),
    Tool(
        name="nlmeans",
        step=Step.DENOISE,
        says="averages patches that look alike; slow, and better at fine texture",
        filter="nlmeans=s={strength}:p={patch}:r={window}",
        parameters={
            "strength": Parameter(least=1, most=30, default=4, says="noise that it takes for noise"),
            "patch": Parameter(
                least=3, most=15, default=5, kind="odd", stronger="none", says="size of a patch in px"
            ),
            "window": Parameter(
                least=3, most=31, default=9, kind="odd", stronger="none", says="px within which it looks"
            ),
        },
        treats=(T.NOISE,),
        harms=(T.LOW_CLARITY,),
        conflicts=("hqdn3d",),
        fps=7,
        bits=8,
    ),
    Tool(
        name="gradfun",
        step=Step.DEBAND,
        says="turns the steps of a banded gradient into slopes",
        filter="gradfun=strength={strength}:radius={radius}",
        parameters={
            "strength": Parameter(least=0.51, most=64, default=1.2, says="most that a pixel is changed by"),
            "radius": Parameter(
                least=4,
                most=32,
                default=16,
                kind="whole",
                stronger="none",
                says="px over which a slope is fitted",
            ),
        },
        harms=(T.LOW_CLARITY,),
        conflicts=("deband",),
        fps=1600,
        bits=8,
    ),
    Tool(
        name="deband",
        step=Step.DEBAND,
        says="turns the steps of a banded gradient into slopes, at any bit depth",
        filter="deband=1thr={threshold}:2thr={threshold}:3thr={threshold}:range={range}",
        parameters={
            "threshold": Parameter(
                least=0.00003, most=0.5, default=0.02, says="step that is still a band's, 1 is white"
            ),
            "range": Parameter(
                least=1, most=64, default=16, kind="whole", stronger="none", says="px over which it looks"
            ),
        },
        harms=(T.LOW_CLARITY,),
        conflicts=("gradfun",),
        fps=160,
    ),
    Tool(
        name="deflicker",
        step=Step.EXPOSURE,
        says="leads the brightness of frames along its mean over several",
        filter="deflicker=size={frames}:mode=pm",
        parameters={
            "frames": Parameter(least=2, most=129, default=5, kind="whole", says="frames that the mean is of")
        },
        harms=(T.UNDEREXPOSURE, T.OVEREXPOSURE),
        radius=5,
        fps=1050,
    ),
    Tool(
        name="brighten",
        step=Step.EXPOSURE,
        says="lifts dark and middle tones; black and white stay where they are",
        filter="lutyuv=y=gammaval(1/{gamma})",
        parameters={"gamma": Parameter(least=1, most=4, default=1.5, says="the gamma it undoes")},
        treats=(T.UNDEREXPOSURE,),
        harms=(T.NOISE, T.OVEREXPOSURE, T.BLOCKING_ARTIFACTS),
        conflicts=("darken",),
        fps=1700,
    ),
    Tool(
        name="darken",
        step=Step.EXPOSURE,
        says="lowers bright and middle tones; black and white stay where they are",
        filter="lutyuv=y=gammaval({gamma})",
        parameters={"gamma": Parameter(least=1, most=4, default=1.5, says="the gamma it applies")},
        treats=(T.OVEREXPOSURE,),
        harms=(T.UNDEREXPOSURE,),
        conflicts=("brighten",),
        fps=1700,
    ),
    Tool(
        name="saturation",
        step=Step.COLOUR,
        says="makes colours stronger around grey",
        filter="lutyuv=u=clip((val-(maxval+minval)/2)*{factor}+(maxval+minval)/2\\,minval\\,maxval)"
        ":v=clip((val-(maxval+minval)/2)*{factor}+(maxval+minval)/2\\,minval\\,maxval)",
        parameters={"factor": Parameter(least=1, most=3, default=1.2, says="of the distance from grey")},
        fps=1250,
    ),
    Tool(
        name="unsharp",
        step=Step.SHARPEN,
        says="adds what a blur would take away",
        filter="unsharp=lx={size}:ly={size}:la={amount}",
        parameters={
            "size": Parameter(
                least=3,
                most=23,
                default=9,
                kind="odd",
                stronger="none",
                says="px over which edges are looked for",
            ),
            "amount": _sharper(3, 0.6),
        },
        treats=(T.LOW_CLARITY, T.OUT_OF_FOCUS_BLUR, T.MOTION_BLUR),
        harms=(T.NOISE, T.EDGE_RINGING_EFFECT, T.BLOCKING_ARTIFACTS, T.EDGE_ALIASING_EFFECT),
        conflicts=("cas",),
        fps=125,
    ),
    Tool(
        name="cas",
        step=Step.SHARPEN,
        says="sharpens where contrast is low, and little where it is high",
        filter="cas=strength={amount}",
        parameters={"amount": _sharper(1, 0.4)},
        treats=(T.LOW_CLARITY, T.OUT_OF_FOCUS_BLUR, T.MOTION_BLUR),
        harms=(T.NOISE, T.BLOCKING_ARTIFACTS),
        conflicts=("unsharp",),
        fps=95,
    ),
    Tool(
        name="enlarge",
        step=Step.UPSCALE,
        says="makes the picture larger by splines; adds no detail",
        filter="zscale=w={factor}*iw:h={factor}*ih:filter=spline36",
        parameters={
            "factor": Parameter(least=2, most=4, default=2, kind="whole", says="times as wide and high")
        },
        treats=(T.LOW_CLARITY, T.EDGE_ALIASING_EFFECT),
        conflicts=("animevideo",),
        fps=420,
        tagged=True,
        resizes=True,
    ),
    Tool(
        name="animevideo",
        step=Step.UPSCALE,
        says="makes drawn pictures larger by a network (realesr-animevideov3), which draws edges anew; slow",
        maker="finesight.video.frame_makers:animevideo",
        parameters={
            "factor": Parameter(least=2, most=4, default=2, kind="whole", says="times as wide and high")
        },
        treats=(T.LOW_CLARITY, T.EDGE_ALIASING_EFFECT, T.EDGE_RINGING_EFFECT),
        conflicts=("enlarge",),
        fps=0.2,
        bits=8,
        tagged=True,
        resizes=True,
    ),
)
TOOLS: Mapping[str, Tool] = {tool.name: tool for tool in _TOOLS}
"""The shipped tools by name, in canonical order."""


def with_tools(tools: Mapping[str, Tool], place: str) -> dict[str, Tool]:
    """Tools and those that an import string ("package.module:NAME", a Tool or a list of them) stands for.

    Raises:
        ConfigError: something that cannot be imported, is not a tool, or has the name of another one.
    """
    more = dict(tools)
    for tool in _imported(place):
        if tool.name in more:
            raise ConfigError(f"tool {place}: there is a tool {tool.name!r} already; give it another name")
        more[tool.name] = tool
    return more


def _imported(place: str) -> Sequence[Tool]:
    module, colon, attribute = place.partition(":")
    if not module or not colon or not attribute:
        raise ConfigError(f"tool {place!r}: write package.module:NAME")
    try:
        found = getattr(import_module(module), attribute)
    except Exception as error:
        raise ConfigError(
            f"tool {place}: cannot be imported ({type(error).__name__}: {error}); "
            "install it, or put its folder on PYTHONPATH"
        ) from error
    several = [found] if isinstance(found, Tool) else found
    if not isinstance(several, (list, tuple)) or not all(isinstance(one, Tool) for one in several):
        raise ConfigError(f"tool {place}: is not a finesight.video.tool.Tool, nor a list of them")
    return several
