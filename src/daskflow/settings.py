"""What can be set from outside, with its defaults.

Read from ``DASKFLOW_<SECTION>__<KEY>`` in the environment (and the two short ones,
``DASKFLOW_EXECUTOR`` and ``DASKFLOW_HOME``), then from ``daskflow.toml``, then from
``[tool.daskflow]`` in ``pyproject.toml``, both in the working folder.
"""

from __future__ import annotations

import os
from functools import lru_cache
from logging import getLevelNamesMapping
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, Field, SecretStr, field_validator
from pydantic_settings import (
    BaseSettings,
    PydanticBaseSettingsSource,
    PyprojectTomlConfigSettingsSource,
    SettingsConfigDict,
    TomlConfigSettingsSource,
)

_PREFIX = "DASKFLOW_"


class ClusterSettings(BaseModel):
    """The temporary local cluster."""

    workers: int | None = Field(None, ge=1, description="worker processes; default: one a core")
    threads_per_worker: int = Field(1, ge=1, description="threads in each worker process")
    start_timeout: float = Field(60.0, gt=0, description="seconds it may take to come up")


class EngineSettings(BaseModel):
    """How a run is lowered and driven."""

    connect_timeout: float = Field(10.0, gt=0, description="seconds a cluster has to answer")
    scheduler_timeout: float = Field(30.0, ge=0, description="seconds a lost one may stay away")
    retry_window: float = Field(0.05, ge=0, description="seconds in which due retries are gathered")
    literal_bytes: int = Field(64 * 1024, ge=0, description="larger arguments travel on their own")
    max_signalled_retries: int = Field(100, ge=0, description="times a task may raise Retry")
    block_seconds: float = Field(0.5, ge=0, description="seconds after which a block gives back")
    block_bytes: int = Field(64 << 20, ge=0, description="values after which a block gives back")
    cancel_grace: float = Field(2.0, ge=0, description="seconds for cancelled bodies to end")
    window: int = Field(16, ge=1, description="blocks for each thread to begin with")
    small_result_bytes: int = Field(4096, ge=0, description="smaller results ride with the state")


class StoreSettings(BaseModel):
    """Where runs are kept, and what was cached."""

    url: str | None = Field(
        None,
        description="sqlite:////path/to/file.db, or memory:// for this process; default: in home",
    )


class ResultSettings(BaseModel):
    """Where durable results are kept."""

    url: str | None = Field(None, description="a folder, or a URL of fsspec's; default: in home")
    persist: bool = Field(default=False, description="for tasks and flows that do not say")
    shared: bool = Field(default=False, description="all workers reach that folder")
    key: SecretStr | None = Field(None, description="signs what is pickled; default: from key_file")
    key_file: Path | None = Field(None, description="made on first use; default: beside the store")


class LoggingSettings(BaseModel):
    """What task runs log and print."""

    level: Literal["DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL"] | None = Field(
        None,
        description="lowest level that is let through; default: as logging is configured, or INFO",
    )
    prints: bool = Field(default=False, description="whether what tasks print is logged, as INFO")
    lines: int = Field(2_000, ge=0, description="lines of an attempt: the first and the last")
    characters: int = Field(256 << 10, ge=1, description="of all these lines")
    message: int = Field(8 << 10, ge=1, description="characters of one line")

    @field_validator("level", mode="before")
    @classmethod
    def _in_capitals(cls, level: Any) -> Any:
        return level.upper() if isinstance(level, str) else level

    @property
    def threshold(self) -> int | None:
        """The level as `logging` counts."""
        return getLevelNamesMapping()[self.level] if self.level is not None else None


class DashboardSettings(BaseModel):
    """The pages that show runs in a browser."""

    show_parameters: bool = Field(
        default=False,
        description="parameters are kept as text too, shortened, and shown; they may be secret",
    )


class Settings(BaseSettings):
    """All settings of this process.

    Examples
    --------
    >>> Settings(executor="threads").executor
    'threads'
    """

    model_config = SettingsConfigDict(
        env_prefix=_PREFIX,
        env_nested_delimiter="__",
        toml_file="daskflow.toml",
        pyproject_toml_table_header=("tool", "daskflow"),
        extra="ignore",
    )

    executor: str | None = Field(None, description="local, threads, dask, or a scheduler address")
    home: Path = Field(Path("~/.daskflow"), description="where daskflow keeps its files")
    cluster: ClusterSettings = ClusterSettings()
    engine: EngineSettings = EngineSettings()
    store: StoreSettings = StoreSettings()
    results: ResultSettings = ResultSettings()
    logging: LoggingSettings = LoggingSettings()
    dashboard: DashboardSettings = DashboardSettings()

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Put the two TOML files behind the environment."""
        return (
            init_settings,
            env_settings,
            TomlConfigSettingsSource(settings_cls),
            PyprojectTomlConfigSettingsSource(settings_cls),
        )


def current_settings() -> Settings:
    """Return the settings as they are now: read anew only where a file or a variable changed.

    For what begins often. Nobody changes what is returned.

    Examples
    --------
    >>> current_settings() is current_settings()
    True
    """
    files = (Path("daskflow.toml"), Path("pyproject.toml"))
    variables = frozenset(one for one in os.environ.items() if one[0].upper().startswith(_PREFIX))
    return _read(Path.cwd(), variables, tuple(map(_stamp_of, files)))


@lru_cache(maxsize=16)
def _read(*_seen: object) -> Settings:
    return Settings()


def _stamp_of(file: Path) -> tuple[int, int] | None:
    """Return what changes when a file does; None: it is not there."""
    try:
        found = file.stat()
    except OSError:
        return None
    return found.st_mtime_ns, found.st_size
