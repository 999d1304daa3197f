"""Names that are set or defined here and read elsewhere: vulture cannot see by whom. Run `vulture` from the root.

Read by the tool alone, never imported.
"""

# ruff: noqa: B018, F821
# Names without definitions have no types either.
# mypy: ignore-errors
# Blender reads what is set on its layouts, regions, areas and spaces,
_.active_panel_category, _.alert, _.icon_pixels_float, _.icon_size, _.operator_context, _.scale_y, _.show_cache
_.show_floor, _.show_gizmo_navigate, _.show_handles, _.show_region_asset_shelf, _.show_region_channels
_.show_region_toolbar, _.show_region_ui, _.show_strip_duration, _.show_strip_source, _.ui_type
_.use_property_decorate, _.use_property_split, _.view_camera_offset, _.view_camera_zoom, _.view_perspective
# on its preferences, window manager and gizmos,
_.clipboard, _.render_display_type, _.show_developer_ui, _.show_splash, _.smooth_view, _.use_draw_modal
_.use_online_access
# on its scenes and their render settings,
_.audio_bitrate, _.audio_codec, _.color_depth, _.color_mode, _.constant_rate_factor, _.denoising_prefilter
_.denoising_quality, _.dither_intensity, _.filter_size, _.filter_type, _.quality, _.taa_render_samples
_.use_adaptive_sampling, _.use_audio, _.use_denoising, _.use_file_extension, _.use_persistent_data, _.use_stamp
_.write_still
# on its objects, cameras, lights, curves, modifiers and drivers,
_.bevel_depth, _.bevel_resolution, _.clip_end, _.clip_start, _.expression, _.hide_viewport, _.limit_method, _.order_u
_.ortho_scale, _.sensor_fit, _.sensor_width, _.shadow_soft_size, _.shift_x, _.shift_y, _.use_endpoint_u
# on its nodes, strips, markers and assets,
_.attribute_name, _.author, _.blend_type, _.data_type, _.frame_float, _.frame_offset_start, _.import_method
_.to_color_space, _.use_clamp, _.use_custom_color
# and on our own properties that it animates: gains, offsets and curves per action unit.
_.au01, _.au04, _.au07, _.au09, _.au23, _.au25
# Cameras, and constraints on them,
_.display_size, _.inverse_matrix, _.lens_unit
# and what is known of files, by name.
_.gaussians_known_by, _.subject_known_by

# zipfile reads what is set on the entry of an archive, http.server and socketserver on a server.
_.compress_type, _.external_attr, _.daemon_threads

# Read in types that are written as texts (emodifftalk/core/arrays.py).
NDArray

# With `same_places` and `learn_face_shapes` it makes a shipped model again (docs/science/template-registration.md).
save_face_shapes
