"""Allowed events about packages."""

from artifactstore.codec import MAX_INTEGER
from artifactstore.events import manifest_digest, models
from tests.property.proposing import proposes
from tests.property.world import WHY, Package, Proposal, World, bypass_for, destructible


@proposes("v1.package.created")
def created(world: World) -> Proposal:
    retention = None
    if world.chance(0.4):
        mode = world.rng.choice(("governance", "compliance"))
        retention = models.Retention(
            mode=mode, until=world.later(), policy=world.rng.choice((None, "seven years"))
        )
    labels = world.rng.choice((None, {}, {"tier": "gold"}, {"tier": "", "Ключ": "ı"}))
    package = Package(world.upcoming("package"), world.upcoming_purl(), dict(labels or {}))
    event = models.PackageCreated(
        purl=package.purl,
        media_type=world.rng.choice((None, "text/plain")),
        labels=labels,
        retention=retention,
    )

    def apply() -> None:
        world.fresh("package")
        if retention is not None:
            package.mode, package.until = retention.mode, retention.until
        world.packages.append(package)
        world.focus_package = package

    return Proposal(event, package.id, apply)


@proposes("v1.package.labeled")
def labeled(world: World) -> Proposal | None:
    package = world.pick([one for one in world.packages if one.state != "purged"])
    if package is None:
        return None
    keys = ("tier", "Tier", "Ключ", "x")
    unset = tuple(key for key in keys if world.chance(0.3))
    added = {key: world.rng.choice(("", "gold", "ß")) for key in keys if world.chance(0.3)}
    merged = {key: value for key, value in package.labels.items() if key not in unset} | added
    if world.chance(0.05):
        # As many labels as there may be.
        filling = {f"{n}": "" for n in range(256) if f"{n}" not in merged}
        more = dict(list(filling.items())[: 256 - len(merged)])
        added |= more
        merged |= more
    if merged == package.labels:
        added["tier"] = merged["tier"] = package.labels.get("tier", "") + "+"
    if len(merged) > 256:
        unset, added, merged = tuple(package.labels), {}, {}

    def apply() -> None:
        package.labels = merged

    return Proposal(models.PackageLabeled(set=added or None, unset=unset or None), package.id, apply)


def seal_of(package: Package) -> models.PackageSealed:
    """The event that seals a package as it is."""
    files = package.live_files()
    return models.PackageSealed(
        manifest_digest=manifest_digest((file.path, file.size, file.blake3) for file in files),
        file_count=len(files),
        total_bytes=sum(file.size for file in files),
        as_of=max((file.last_sequence for file in package.files), default=0),
    )


@proposes("v1.package.sealed")
def sealed(world: World) -> Proposal | None:
    candidates = [
        one
        for one in world.packages
        if one.state == "open" and one.live_files() and sum(f.size for f in one.live_files()) <= MAX_INTEGER
    ]
    package = world.pick(candidates)
    if package is None:
        return None

    def apply() -> None:
        package.state = "sealed"

    return Proposal(seal_of(package), package.id, apply)


def _flag(world: World, yanked: bool) -> Proposal | None:
    package = world.pick([one for one in world.packages if one.state == "sealed" and one.yanked != yanked])
    if package is None:
        return None

    def apply() -> None:
        package.yanked = yanked

    event = models.PackageYanked(reason=WHY) if yanked else models.PackageUnyanked(reason=WHY)
    return Proposal(event, package.id, apply)


@proposes("v1.package.yanked")
def yanked(world: World) -> Proposal | None:
    return _flag(world, True)


@proposes("v1.package.unyanked")
def unyanked(world: World) -> Proposal | None:
    return _flag(world, False)


@proposes("v1.package.deleted")
def deleted(world: World) -> Proposal | None:
    package = world.pick(
        [one for one in world.packages if one.state in ("open", "sealed") and destructible(world, one)]
    )
    if package is None:
        return None

    def apply() -> None:
        package.state, package.prior = "deleted", package.state

    event = models.PackageDeleted(reason=WHY, bypass_governance=bypass_for(world, package))
    return Proposal(event, package.id, apply)


@proposes("v1.package.restored")
def restored(world: World) -> Proposal | None:
    package = world.pick([one for one in world.packages if one.state == "deleted"])
    if package is None:
        return None

    def apply() -> None:
        package.state = package.prior

    return Proposal(models.PackageRestored(reason=WHY), package.id, apply)


@proposes("v1.package.purged")
def purged(world: World) -> Proposal | None:
    package = world.pick(
        [one for one in world.packages if one.state == "deleted" and destructible(world, one)]
    )
    if package is None:
        return None

    def apply() -> None:
        package.state = "purged"
        for file in package.live_files():
            file.lose()

    event = models.PackagePurged(
        reason=WHY,
        file_count=len(package.live_files()),
        bypass_governance=bypass_for(world, package),
    )
    return Proposal(event, package.id, apply)
