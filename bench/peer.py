"""ezkl, from an ONNX model to a verified proof, in a process of its own. Prints one JSON object.

usage: peer.py MODEL.onnx INPUT.json FOLDER public|hashed

Weights are fixed in the circuit and the output is public, as ours; the SRS is made here, once for each
size, and kept beside FOLDER: it is not counted.
"""

import asyncio
import inspect
import json
import pathlib
import resource
import sys
import time

import ezkl


async def done(result):
    """Some of ezkl's functions are coroutines, which ones depends on its version."""
    return await result if inspect.isawaitable(result) else result


async def main(model, data, folder, visibility):
    folder = pathlib.Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    path = lambda name: str(folder / name)
    out = {"version": ezkl.__version__, "input": visibility}

    async def timed(name, function, *args, **kwargs):
        begun = time.perf_counter()
        result = await done(function(*args, **kwargs))
        out[name] = round(time.perf_counter() - begun, 4)
        return result

    run = ezkl.PyRunArgs()
    run.input_visibility, run.param_visibility, run.output_visibility = visibility, "fixed", "public"
    await done(ezkl.gen_settings(model, path("settings.json"), py_run_args=run))
    await timed("calibrate_s", ezkl.calibrate_settings, data, model, path("settings.json"), "resources")
    settings = json.loads(pathlib.Path(path("settings.json")).read_text())
    out["logrows"], out["rows"] = settings["run_args"]["logrows"], settings.get("num_rows")
    await done(ezkl.compile_circuit(model, path("circuit"), path("settings.json")))
    srs = str(folder.parent / f"k{out['logrows']}.srs")
    if not pathlib.Path(srs).exists():
        await timed("srs_s", ezkl.gen_srs, srs, out["logrows"])
    await timed("setup_s", ezkl.setup, path("circuit"), path("vk"), path("pk"), srs_path=srs)
    await timed("witness_s", ezkl.gen_witness, data, path("circuit"), path("witness"), vk_path=path("vk"), srs_path=srs)
    await timed("prove_s", ezkl.prove, path("witness"), path("circuit"), path("pk"), path("proof"), srs_path=srs)
    out["verified"] = bool(
        await timed("verify_s", ezkl.verify, path("proof"), path("settings.json"), path("vk"), srs_path=srs)
    )
    proof = json.loads(pathlib.Path(path("proof")).read_text())
    out["proof_bytes"] = len(proof["hex_proof"].removeprefix("0x")) // 2
    out["key_bytes"] = pathlib.Path(path("pk")).stat().st_size
    out["peak_rss_mb"] = round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024, 1)
    print(json.dumps(out))


asyncio.new_event_loop().run_until_complete(main(*sys.argv[1:5]))
